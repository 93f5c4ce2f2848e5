"""Roles in prompts and who plays them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from prefect_toapis.batches.naming import cast_labels
from prefect_toapis.batches.spec import ROLE_OF_ONE, Cast, Character, Role

# {hero} is a role; {{hero}} is text in braces; other braces stay as they are.
_ROLE = re.compile(r"\{\{([A-Za-z_][\w-]*)\}\}|\{([A-Za-z_][\w-]*)\}", re.ASCII)
_USERNAME = re.compile(r"[\w.-]+", re.ASCII)


@dataclass(frozen=True)
class Players:
    """A cast with its characters looked up: the usernames that play each role."""

    label: str
    roles: dict[str, list[str]]


NOBODY = Players("", {})


def roles_in(prompt: str) -> list[str]:
    """The roles a prompt names, each once, in order.

    Example:
        >>> roles_in("{hero} meets {sidekick} and {hero}; {{this}} and { that } are text")
        ['hero', 'sidekick']
    """
    return list(dict.fromkeys(match[2] for match in _ROLE.finditer(prompt) if match[2]))


def resolve(prompt: str, players: Players) -> str:
    """The prompt as it is sent: each role replaced by its characters as `@username` ([P]).

    Example:
        >>> resolve("{hero} runs, {{really}}", Players("", {"hero": ["a.cat"]}))
        '@a.cat runs, {really}'
    """

    def text(match: re.Match[str]) -> str:
        if match[1]:
            return f"{{{match[1]}}}"
        return " ".join(f"@{username}" for username in players.roles[match[2]])

    return _ROLE.sub(text, prompt)


def players_of(
    characters: Sequence[Character], casts: Sequence[Cast]
) -> tuple[list[Players], list[str]]:
    """Every cast with its characters looked up, and what is wrong with them.

    Without casts, each character is one alone, in the role `character`.
    """
    faults = _character_faults(characters)
    if not casts:
        casts = [
            Cast(name=one.name, roles=[Role(role=ROLE_OF_ONE, character=one.name)])
            for one in characters
        ]
    usernames = {one.name: one.username for one in characters}
    found: list[Players] = []
    for label, cast in zip(cast_labels(casts), casts, strict=True):
        unknown = [role.character for role in cast.roles if role.character not in usernames]
        faults += [
            f'cast "{label}": no character is named "{name}"; {_known(usernames)}'
            for name in unknown
        ]
        if not cast.roles:
            faults.append(f'cast "{label}": it has no roles')
        roles: dict[str, list[str]] = {}
        for role in cast.roles:
            roles.setdefault(role.role, []).append(usernames.get(role.character, ""))
        found.append(Players(label, roles))
    return found, faults


def filling(roles: Sequence[str], everybody: Sequence[Players]) -> list[Players]:
    """The casts that fill all of these roles, each filling once; nobody where there is no role."""
    if not roles:
        return [NOBODY]
    distinct: dict[str, Players] = {}
    for players in everybody:
        if all(role in players.roles for role in roles):
            used = {role: players.roles[role] for role in roles}
            distinct.setdefault(repr(used), Players(players.label, used))
    return list(distinct.values())


def _character_faults(characters: Sequence[Character]) -> list[str]:
    names = [one.name for one in characters]
    twice = dict.fromkeys(name for name in names if names.count(name) > 1)
    return [f'character "{name}": there are two of that name' for name in twice] + [
        f'character "{one.name}": username={one.username!r} is none; '
        "take it from the character query, as @duksvfkf.turbo_whis"
        for one in characters
        if not _USERNAME.fullmatch(one.username)
    ]


def _known(usernames: dict[str, str]) -> str:
    if not usernames:
        return "the batch has no characters"
    return f"there are {', '.join(usernames)}"
