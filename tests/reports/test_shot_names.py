"""How people name shots."""

import pytest

from prefect_toapis.reports.manifest import ManifestRow
from prefect_toapis.reports.shot_names import rows_named


def row(
    shot: str, scene: str, variant: str, output: int = 1, *, in_plan: bool = True
) -> ManifestRow:
    return ManifestRow(
        batch="lisbon",
        shot_id=shot,
        scene=scene,
        variant=variant,
        status="stored",
        output=output,
        key=f"lisbon/{scene}-{variant[:4]}-{shot[:12]}/video-{output}.mp4",
        model="sora-2",
        prompt="",
        in_plan=in_plan,
    )


TRAM = row("x2k4n7q3bd5fabcdefghijklmn", "tram", "wide")
TALL = row("x2k4n7zzzzzzabcdefghijklmn", "tram", "9:16")
TWO = [row("a7b3c5d7e2f4abcdefghijklmn", "market", "wide", number) for number in (1, 2)]
OLD = row("q7b3c5d7e2f4abcdefghijklmn", "tram", "wide", in_plan=False)
ROWS = [TRAM, TALL, *TWO, OLD]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("tram / wide", [TRAM]),
        ("tram/wide", [TRAM]),
        (" tram / wide ", [TRAM]),
        ("x2k4n7q3bd5fabcdefghijklmn", [TRAM]),
        ("x2k4n7q", [TRAM]),
        ("tram-wide-x2k4n7q3bd5f", [TRAM]),
        ("lisbon/tram-wide-x2k4n7q3bd5f/", [TRAM]),
        ("tram / 9:16", [TALL]),
        ("market / wide", TWO),
        ("market / wide:2", [TWO[1]]),
        ("market / wide :1", [TWO[0]]),
        ("a7b3c5:2", [TWO[1]]),
        ("q7b3c5", [OLD]),
    ],
)
def test_a_shot_is_found_by_any_of_its_names(name: str, found: list[ManifestRow]) -> None:
    assert rows_named(name, ROWS) == found


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("trams / wide", 'there is no shot "trams / wide"; the nearest: "tram / wide"'),
        ("", 'there is no shot ""'),
        ("x2k4", "there is no shot"),
        (
            "x2k4n7",
            r'"x2k4n7" is the name of several shots; use an id instead: x2k4n7q3bd5f \(tram',
        ),
        ("market / wide:3", "market / wide has no output 3"),
        ("b\x1b[2J", r'there is no shot "b\\x1b\[2J"'),
    ],
)
def test_an_unknown_or_ambiguous_name_is_said_with_the_nearest(name: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        rows_named(name, ROWS)


def test_there_may_be_nothing_near() -> None:
    with pytest.raises(ValueError, match=r'there is no shot "tram"$'):
        rows_named("tram", [])
