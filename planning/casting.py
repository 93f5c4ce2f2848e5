"""Casting: resolves the roles in prompts to characters."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple, Protocol

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.request_rules import check
from prefect_toapis.client.requests import CharacterRequest
from prefect_toapis.planning.identity import character_id, made_from
from prefect_toapis.planning.labels import cast_labels
from prefect_toapis.planning.spec import ROLE_OF_ONE, Cast, Character, Role

# {hero} is a role; {{hero}} is text in braces; other braces stay as they are.
_ROLE = re.compile(r"\{\{([A-Za-z_][\w-]*)\}\}|\{([A-Za-z_][\w-]*)\}", re.ASCII)
_NOT_YET = "yet-to-be-made"  # placeholder for a task id
_SHOWN = 60  # characters of a name in a message
_LISTED = 20  # characters in a message
_USERNAME = re.compile(r"[\w.-]+", re.ASCII)
_LONGEST_USERNAME = 100


class Made(Protocol):
    """What requests need of a character that was made, such as `MadeCharacter`."""

    @property
    def username(self) -> str:
        """For prompts, as `@username`."""
        ...

    @property
    def task_id(self) -> str:
        """Of its creation, for `character_url`."""
        ...


class _Placeholder(NamedTuple):
    """Stands in a plan for a character that is still to be made."""

    username: str
    task_id: str


@dataclass(frozen=True)
class ResolvedCast:
    """A cast with its characters resolved.

    Args:
        label: Of the cast.
        roles: The characters of each role, by `known_as`: their username, or what they are made
            from.
        made: The username and task id of characters that are made, by `known_as`.
    """

    label: str
    roles: dict[str, list[str]]
    made: Mapping[str, Made] = field(default_factory=dict)


NO_CAST = ResolvedCast("", {})


def roles_in(prompt: str) -> list[str]:
    """Return the roles a prompt names, each once, in order.

    Example:
        >>> roles_in("{hero} meets {sidekick} and {hero}; {{this}} and { that } are text")
        ['hero', 'sidekick']
    """
    return list(dict.fromkeys(match[2] for match in _ROLE.finditer(prompt) if match[2]))


def resolve(prompt: str, cast: ResolvedCast) -> str:
    """Return the prompt as it is sent: roles replaced by `@username` of their characters ([P]).

    Example:
        >>> resolve("{hero} runs, {{really}}", ResolvedCast("", {"hero": ["a.cat"]}))
        '@a.cat runs, {really}'
    """

    def text(match: re.Match[str]) -> str:
        if match[1]:
            return f"{{{match[1]}}}"
        made = cast.made
        known = cast.roles[match[2]]
        return " ".join(f"@{made[name].username if name in made else name}" for name in known)

    return _ROLE.sub(text, prompt)


def resolved_length(prompt: str, cast: ResolvedCast) -> int:
    """Return an upper bound of the length of the resolved prompt, in characters."""
    names = {
        role: sum(
            len(cast.made[name].username if name in cast.made else name) + 2 for name in playing
        )
        for role, playing in cast.roles.items()
    }
    return len(prompt) + sum(names.get(match[2], 0) for match in _ROLE.finditer(prompt))


def role_of_url(character_url: str | None) -> str | None:
    """Return the role that `character_url` names, as in `{hero}`; None if it is a URL.

    Example:
        >>> role_of_url("{hero}")
        'hero'
    """
    match = _ROLE.fullmatch(character_url or "")
    return match[2] if match else None


def resolve_url(character_url: str | None, cast: ResolvedCast) -> str | None:
    """Return `character_url` as it is sent: a role replaced by its character's task id ([D]).

    A placeholder is returned if the character is still to be made, or there is a `url_fault`.
    """
    role = role_of_url(character_url)
    if role is None:
        return character_url
    if url_fault(character_url, cast):
        return _NOT_YET
    return cast.made[cast.roles[role][0]].task_id


def url_fault(character_url: str | None, cast: ResolvedCast) -> str | None:
    """Return why the character of a role can't be used as `character_url`; None if it can."""
    role = role_of_url(character_url)
    if role is None:
        return None
    known = cast.roles[role]
    if len(known) != 1:
        return f"{{{role}}} is played by {len(known)} characters, but must be played by exactly 1"
    if known[0] not in cast.made:
        return (
            f"@{known[0]} exists already, but a character created by this batch is required; "
            f"write {{{role}}} in the prompt instead"
        )
    return None


def known_as(character: Character) -> str:
    """Return what a shot's identity calls a character: its username, or what it is made from."""
    if character.username is not None:
        return character.username
    return made_from(character_id(creation_request(character)))


def creation_request(character: Character) -> CharacterRequest:
    """Return the request that creates a character; check its faults first."""
    return CharacterRequest(
        model=character.model,
        timestamps=character.timestamps or "",
        url=character.url,
        from_task=character.from_task,
    )


def resolve_casts(
    characters: Sequence[Character],
    casts: Sequence[Cast],
    made: Mapping[str, Made] = MappingProxyType({}),
    *,
    private: bool = False,
) -> tuple[list[ResolvedCast], list[str]]:
    """Resolve the characters of every cast; return the casts and all faults.

    Without casts, each character forms its own cast in the role `character`.

    Args:
        characters: All characters of the batch.
        casts: All casts of the batch.
        made: The characters that were made, by name. Prompts show the others in braces.
        private: As for `faults_of`.
    """
    faults = _character_faults(characters, private=private)
    if not casts:
        casts = [
            Cast(name=character.name, roles=[Role(role=ROLE_OF_ONE, character=character.name)])
            for character in characters
        ]
    known = {character.name: known_as(character) for character in characters}
    called: dict[str, Made] = {
        known[character.name]: made.get(character.name)
        or _Placeholder(f"{{{character.name}}}", _NOT_YET)
        for character in characters
        if not character.exists
    }
    found: list[ResolvedCast] = []
    for label, cast in zip(cast_labels(casts), casts, strict=True):
        unknown = [role.character for role in cast.roles if role.character not in known]
        faults += [
            f'cast "{label}": no character is named "{name}"; {_there_are(known)}'
            for name in unknown
        ]
        if not cast.roles:
            faults.append(f'cast "{label}": it has no roles')
        roles: dict[str, list[str]] = {}
        for role in cast.roles:
            roles.setdefault(role.role, []).append(known.get(role.character, ""))
        found.append(ResolvedCast(label, roles, called))
    return found, faults


def filling(roles: Sequence[str], casts: Sequence[ResolvedCast]) -> list[ResolvedCast]:
    """Return the casts that fill all of these roles, without duplicates.

    Without roles, the result is `[NO_CAST]`.
    """
    if not roles:
        return [NO_CAST]
    distinct: dict[str, ResolvedCast] = {}
    for cast in casts:
        if all(role in cast.roles for role in roles):
            used = {role: cast.roles[role] for role in roles}
            distinct.setdefault(repr(used), ResolvedCast(cast.label, used, cast.made))
    return list(distinct.values())


class Filling:
    """The casts that fill the roles of scenes, cached because many scenes have the same roles.

    Args:
        casts: The casts.

    Example:
        >>> filling = Filling([ResolvedCast("Turbo", {"hero": ["a.turbo"]})])
        >>> [[cast.label for cast in filling.of(roles)] for roles in (["hero"], ["villain"])]
        [['Turbo'], []]
    """

    def __init__(self, casts: Sequence[ResolvedCast]) -> None:
        self.tried = 0  # casts, for each set of roles: what takes time and memory
        self._casts = casts
        self.roles = {role for cast in casts for role in cast.roles}
        self._known: dict[tuple[str, ...], list[ResolvedCast]] = {}

    def of(self, roles: Sequence[str]) -> list[ResolvedCast]:
        """Return the casts that fill these roles; see `filling`."""
        key = tuple(roles)
        if key not in self._known and self.roles.issuperset(roles):
            self.tried += len(self._casts)
            self._known[key] = filling(roles, self._casts)
        return self._known.get(key, [])


def unfilled(roles: Sequence[str]) -> ResolvedCast:
    """Return a placeholder cast for unfilled roles, so that a scene's other faults are found."""
    return ResolvedCast("?", {role: ["?"] for role in roles}, {"?": _Placeholder("?", _NOT_YET)})


def is_username(text: str) -> bool:
    """Return whether a text is a valid username of a character, without @."""
    return len(text) <= _LONGEST_USERNAME and _USERNAME.fullmatch(text) is not None


def faults_of(character: Character, *, private: bool = False) -> list[str]:
    """Return the faults of a single character, including broken rules of the provider.

    Args:
        character: To check.
        private: Whether the API is at a private address, so that private clip URLs are allowed.
    """
    faults = _faults_of(character, private=private)
    return [f'character "{character.name}": {fault}' for fault in faults]


def _character_faults(characters: Sequence[Character], *, private: bool) -> list[str]:
    names = Counter(character.name for character in characters)
    faults = [
        f'character "{name}": the name is used more than once'
        for name, count in names.items()
        if count > 1
    ]
    return faults + [
        fault for character in characters for fault in faults_of(character, private=private)
    ]


def _faults_of(character: Character, *, private: bool) -> list[str]:
    sources = (character.username, character.url, character.from_task)
    faults: list[str] = []
    if sum(source is not None for source in sources) != 1:
        faults.append("give exactly one of username, url and from_task")
    if character.username is not None and not is_username(character.username):
        faults.append(
            f"username={printable(character.username, _SHOWN)!r} is not a valid username; "
            "copy it from the character query, such as @duksvfkf.turbo_whis"
        )
    made = character.url is not None or character.from_task is not None
    if made and character.timestamps is None:
        faults.append('timestamps: required: the part of the clip as "start,end" in seconds')
    if not made and character.timestamps is not None:
        faults.append("timestamps: only allowed together with url or from_task")
    if faults or character.exists:
        return faults
    request, catalogue = creation_request(character), Catalogue.current()
    return [str(fault) for fault in check(request, catalogue, private=private)]


def _there_are(known: Mapping[str, str]) -> str:
    if not known:
        return "the batch has no characters"
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return f"there are {', '.join(islice(known, _LISTED))}{more}"
