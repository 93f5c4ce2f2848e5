"""What people write into the short form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.planning.prompt_lines import read_lines


@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        ("A dog", ["A dog"]),
        ("\n\n  A dog \r\n\r\nA cat\rA bird\n", ["A dog", "A cat", "A bird"]),
        ("A dog\u2028runs\x0bfast", ["A dog\u2028runs\x0bfast"]),  # seen as one line
        ("{{this}} and { that }", ["{{this}} and { that }"]),
        (" \n\t", []),
    ],
)
def test_prompts_are_the_lines_that_are_not_empty(text: str, prompts: list[str]) -> None:
    assert read_lines(text, "") == (prompts, [], [])


@pytest.mark.parametrize(
    ("prompts", "characters", "fault"),
    [
        ("A dog\n\nA cat\nA dog", "", "prompts, line 4: the same as line 1"),
        ("\n{hero} runs", "@a.turbo", "prompts, line 2: {hero} is no role here"),
        ("{character} runs", "", "prompts, line 1: {character} needs a username"),
        ("A dog\n" + "x" * 40_000, "", "prompts, line 2: 40,000 characters exceed"),
        ("A dog\nA \0 cat", "", "prompts, line 2: it contains a NUL"),
        ("A dog", "@a.turbo", "characters: no prompt has {character}"),
        ("{character}", "@" + "x" * 200, "characters: xxx"),
        ("{character}", "@a\0b", "characters: a"),
    ],
)
def test_a_fault_names_its_line(prompts: str, characters: str, fault: str) -> None:
    [found] = read_lines(prompts, characters).faults
    assert found.startswith(fault)


@pytest.mark.parametrize(
    "text", ["@a.turbo,@b.baron", "a.turbo\n @b.baron\n@a.turbo;", "@a.turbo b.baron"]
)
def test_usernames_are_written_in_any_way(text: str) -> None:
    assert read_lines("{character} runs", text).usernames == ["a.turbo", "b.baron"]


@given(st.text(), st.text())
def test_any_text_is_read(prompts: str, characters: str) -> None:
    lines = read_lines(prompts, characters)
    assert len(set(lines.prompts)) == len(lines.prompts)
    assert all(prompt == prompt.strip() != "" for prompt in lines.prompts)
