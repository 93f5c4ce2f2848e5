"""Text with a prompt or a username a line, as people write it into a form. Pure."""

import re
from typing import NamedTuple

from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.request_rules import MOST_CHARACTERS
from prefect_toapis.client.sendable_values import unsendable
from prefect_toapis.planning.casting import roles_in
from prefect_toapis.planning.spec import ROLE_OF_ONE

_LINE_END = re.compile(r"\r\n|\r|\n")  # str.splitlines also splits where no line break is seen
_BETWEEN = re.compile(r"[\s,;]+")
_LONGEST_USERNAME = 100
_SHOWN = 60  # characters of a name in a fault


class PromptLines(NamedTuple):
    """What was read from two texts.

    Args:
        prompts: Those without faults.
        usernames: Those without faults, and without their `@`.
        faults: Of the others; of a prompt, with the number of its line.
    """

    prompts: list[str]
    usernames: list[str]
    faults: list[str]


def read_lines(prompts: str, characters: str) -> PromptLines:
    r"""Read prompts, one a line, and usernames, each once; empty lines are left out.

    Args:
        prompts: Of any number of lines.
        characters: Usernames between blanks, commas or line ends.

    Example:
        >>> read_lines("{character} runs\n\n  A cat ", "@a.turbo, @b.baron").prompts
        ['{character} runs', 'A cat']
        >>> read_lines("A dog\nA cat\nA dog", "").faults
        ['prompts, line 3: the same as line 1; to make several videos of a prompt, raise takes']
    """
    names = list(filter(None, (name.removeprefix("@") for name in _BETWEEN.split(characters))))
    found, faults = _read_prompts(prompts, with_characters=bool(names))
    usernames: list[str] = []
    for name in dict.fromkeys(names):
        if fault := _username_fault(name):
            faults.append(f"characters: {printable(name, _SHOWN)}: {fault}")
        else:
            usernames.append(name)
    if usernames and found and not any(roles_in(prompt) for prompt in found):
        faults.append("characters: no prompt has {character}; write it where they appear")
    return PromptLines(found, usernames, faults)


def _read_prompts(text: str, *, with_characters: bool) -> tuple[list[str], list[str]]:
    first_lines: dict[str, int] = {}
    faults: list[str] = []
    for number, line in enumerate(_LINE_END.split(text), 1):
        prompt = line.strip()
        if prompt in first_lines:
            fault: str | None = (
                f"the same as line {first_lines[prompt]}; to make several videos of a prompt, "
                "raise takes"
            )
        elif not (fault := _prompt_fault(prompt, with_characters=with_characters)) and prompt:
            first_lines[prompt] = number
        if fault:
            faults.append(f"prompts, line {number}: {fault}")
    return list(first_lines), faults


def _prompt_fault(prompt: str, *, with_characters: bool) -> str | None:
    if len(prompt) > MOST_CHARACTERS:
        return f"{len(prompt):,} characters exceed the limit of {MOST_CHARACTERS:,}"
    for role in roles_in(prompt):
        if role != ROLE_OF_ONE:
            name = printable(role, _SHOWN)
            return (
                f"{{{name}}} is no role here; write {{character}} for the characters, or "
                f"{{{{{name}}}}} for literal braces"
            )
        if not with_characters:
            return "{character} needs a username under characters"
    return unsendable(prompt)


def _username_fault(name: str) -> str | None:
    if len(name) > _LONGEST_USERNAME:
        return f"{len(name):,} characters exceed the limit of {_LONGEST_USERNAME} for usernames"
    return unsendable(name)
