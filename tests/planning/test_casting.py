"""Roles in prompts and who plays them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.planning.casting import (
    NO_CAST,
    ResolvedCast,
    filling,
    resolve,
    resolve_casts,
    roles_in,
)
from prefect_toapis.planning.spec import Cast, Character, Role

TURBO = Character(name="Turbo", username="a.turbo")
BARON = Character(name="Baron", username="b.baron")
PAIR = ResolvedCast(
    "pair", {"hero": ["a.turbo"], "sidekick": ["b.baron"], "crowd": ["c.one", "d.two"]}
)


@pytest.mark.parametrize(
    ("prompt", "roles", "resolved"),
    [
        ("A dog", [], "A dog"),
        ("{hero} runs", ["hero"], "@a.turbo runs"),
        ("{hero}, {sidekick}, {hero}", ["hero", "sidekick"], "@a.turbo, @b.baron, @a.turbo"),
        ("{crowd} cheer", ["crowd"], "@c.one @d.two cheer"),
        ("{{hero}} is text", [], "{hero} is text"),
        ("{{hero}} or {hero}", ["hero"], "{hero} or @a.turbo"),
        ('{"a": 1} { hero } {} {1} {a b} { {x', [], '{"a": 1} { hero } {} {1} {a b} { {x'),
        ("{hero}{sidekick}", ["hero", "sidekick"], "@a.turbo@b.baron"),
        ("{héros}", [], "{héros}"),
        ("@someone.else runs", [], "@someone.else runs"),
        ("{hero\n}", [], "{hero\n}"),
    ],
)
def test_roles_are_replaced_and_other_braces_stay(
    prompt: str, roles: list[str], resolved: str
) -> None:
    assert roles_in(prompt) == roles
    assert resolve(prompt, PAIR) == resolved


@given(st.lists(st.sampled_from(["{hero}", "{", "}", "{ x }", " ", "dog", "é", "\n", "{1}"])))
def test_resolving_never_loses_text_outside_roles(parts: list[str]) -> None:
    prompt = " ".join(parts)  # spaces between, so that the parts make no other roles
    expected = prompt.replace("{hero}", "@a.turbo")
    assert resolve(prompt, ResolvedCast("", {"hero": ["a.turbo"]})) == expected


@given(st.text(st.characters(exclude_characters="{}")))
def test_a_prompt_without_braces_is_sent_as_it_is(prompt: str) -> None:
    assert roles_in(prompt) == []
    assert resolve(prompt, NO_CAST) == prompt


@given(st.text("{}ab- \n"))
def test_any_braces_can_be_resolved_once_their_roles_are_filled(prompt: str) -> None:
    resolved = resolve(prompt, ResolvedCast("", {role: ["someone"] for role in roles_in(prompt)}))

    def outside(text: str) -> str:
        return text.replace("@someone", "").translate(str.maketrans("", "", "{}ab-"))

    assert outside(resolved) == outside(prompt)


def test_without_casts_each_character_is_one_alone() -> None:
    casts, faults = resolve_casts([TURBO, BARON], [])
    assert faults == []
    assert casts == [
        ResolvedCast("Turbo", {"character": ["a.turbo"]}),
        ResolvedCast("Baron", {"character": ["b.baron"]}),
    ]


def test_a_cast_has_its_characters_looked_up_in_order() -> None:
    cast = Cast(
        name="all",
        roles=[
            Role(role="hero", character="Baron"),
            Role(role="hero", character="Turbo"),
            Role(role="sidekick", character="Turbo"),
        ],
    )
    casts, faults = resolve_casts([TURBO, BARON], [cast])
    assert faults == []
    assert casts == [ResolvedCast("all", {"hero": ["b.baron", "a.turbo"], "sidekick": ["a.turbo"]})]


@pytest.mark.parametrize(
    ("characters", "casts", "faults"),
    [
        (
            [TURBO, BARON],
            [Cast(name="x", roles=[Role(character="Turbi")])],
            ['cast "x": no character is named "Turbi"; there are Turbo, Baron'],
        ),
        (
            [],
            [Cast(roles=[Role(character="Turbo")])],
            ['cast "Turbo": no character is named "Turbo"; the batch has no characters'],
        ),
        ([TURBO], [Cast()], ['cast "cast-1": it has no roles']),
        ([TURBO, TURBO, TURBO], [], ['character "Turbo": the name is used more than once']),
        (
            [Character(name="Turbo", username="turbo whiskers")],
            [],
            [
                (
                    "character \"Turbo\": username='turbo whiskers' is not a valid username; "
                    "copy it from the character query, such as @duksvfkf.turbo_whis"
                )
            ],
        ),
    ],
)
def test_what_is_wrong_with_characters_and_casts(
    characters: list[Character], casts: list[Cast], faults: list[str]
) -> None:
    assert resolve_casts(characters, casts)[1] == faults


@pytest.mark.parametrize("username", ["", "@", "@@a", "a/b", "é", "a\n.b", "{hero}"])
def test_a_username_that_is_none_is_a_fault(username: str) -> None:
    (fault,) = resolve_casts([Character(name="x", username=username)], [])[1]
    assert fault.startswith('character "x": username=')


def test_all_faults_come_in_one_go() -> None:
    characters = [TURBO, TURBO, Character(name="Bad", username="?")]
    casts = [Cast(name="none"), Cast(name="who", roles=[Role(character="Nobody")])]
    assert len(resolve_casts(characters, casts)[1]) == 4


def test_a_scene_without_roles_has_nobody() -> None:
    assert filling([], [PAIR]) == [NO_CAST]


def test_casts_fill_all_the_roles_or_nothing() -> None:
    hero = ResolvedCast("hero only", {"hero": ["a.turbo"]})
    assert filling(["hero", "sidekick"], [hero, PAIR]) == [
        ResolvedCast("pair", {"hero": ["a.turbo"], "sidekick": ["b.baron"]})
    ]
    assert filling(["villain"], [hero, PAIR]) == []


def test_casts_that_differ_only_in_other_roles_fill_once() -> None:
    one = ResolvedCast("one", {"hero": ["a.turbo"], "sidekick": ["b.baron"]})
    two = ResolvedCast("two", {"hero": ["a.turbo"], "sidekick": ["c.cat"]})
    assert filling(["hero"], [one, two]) == [ResolvedCast("one", {"hero": ["a.turbo"]})]
    assert [cast.label for cast in filling(["sidekick"], [one, two])] == ["one", "two"]
