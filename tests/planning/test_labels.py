"""Names that people read."""

import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.planning.labels import (
    RunFacts,
    batch_name,
    batch_of_file,
    cast_labels,
    is_batch_name,
    scene_labels,
    slug,
    variant_labels,
)
from prefect_toapis.planning.spec import Cast, Role, Scene, Variant

RUN = "8f3c12ab-77aa-4c11-9d5e-000000000000"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Café in Lisbon!", "cafe-in-lisbon"),
        ("  Already-a-slug ", "already-a-slug"),
        ("16:9 / HD", "16-9-hd"),
        ("a" * 50, "a" * 40),
        ("a" * 39 + " b", "a" * 39),  # no hyphen is left where it is cut
        ("東京", ""),
        ("--", ""),
        ("", ""),
    ],
)
def test_slugs(text: str, expected: str) -> None:
    assert slug(text) == expected


@given(st.text())
def test_a_slug_is_short_ascii_without_hyphens_at_its_ends_and_stays_itself(text: str) -> None:
    made = slug(text)
    assert re.fullmatch("[a-z0-9-]{0,40}", made)
    assert made == made.strip("-")
    assert slug(made) == made


@pytest.mark.parametrize(
    ("scenes", "expected"),
    [
        ([Scene(prompt="A dog runs on the wide beach")], ["a-dog-runs-on-the"]),
        ([Scene(prompt="{hero} waves at @a.cat")], ["hero-waves-at-a-cat"]),
        ([Scene(prompt="x", name=" The Chase ")], ["The Chase"]),
        ([Scene(prompt="東京の夜"), Scene(prompt="夜")], ["scene-1", "scene-2"]),
        ([Scene(prompt=""), Scene(prompt="A dog")], ["scene-1", "a-dog"]),
        ([Scene(prompt="A dog"), Scene(prompt="A dog")], ["a-dog", "a-dog-2"]),
        ([Scene(prompt="x", name="a"), Scene(prompt="a")], ["a", "a-2"]),
        # a number never makes a name that is somebody else's
        ([Scene(prompt="", name=name) for name in ("a", "a", "a-2")], ["a", "a-2-2", "a-2"]),
        ([Scene(prompt="", name=name) for name in ("a", "a-3", "a")], ["a", "a-3", "a-3-3"]),
        ([Scene(prompt="", name=name) for name in ("scene-2", "")], ["scene-2", "scene-2-2"]),
    ],
)
def test_scenes_are_called_by_name_or_prompt_or_number(
    scenes: list[Scene], expected: list[str]
) -> None:
    assert scene_labels(scenes) == expected


@pytest.mark.parametrize(
    ("variants", "expected"),
    [
        ([Variant()], ["sora-2"]),
        (
            [Variant(model="sora-2-pro", duration=15, aspect_ratio="9:16", hd=True)],
            ["sora-2-pro-15s-9x16-hd"],
        ),
        ([Variant(style="anime", n=3)], ["sora-2-anime-n3"]),
        ([Variant(name="tall"), Variant(name="tall")], ["tall", "tall-2"]),
        ([Variant(), Variant(watermark=True)], ["sora-2", "sora-2-2"]),
        ([Variant(model="")], ["variant-1"]),
    ],
)
def test_variants_are_called_by_name_or_settings(
    variants: list[Variant], expected: list[str]
) -> None:
    assert variant_labels(variants) == expected


@pytest.mark.parametrize(
    ("casts", "expected"),
    [
        ([Cast(roles=[Role(character="Turbo")])], ["Turbo"]),
        (
            [Cast(roles=[Role(role="a", character="Turbo"), Role(role="b", character="Baron")])],
            ["Turbo + Baron"],
        ),
        ([Cast(name="both"), Cast(name="both"), Cast()], ["both", "both-2", "cast-3"]),
    ],
)
def test_casts_are_called_by_name_or_characters(casts: list[Cast], expected: list[str]) -> None:
    assert cast_labels(casts) == expected


@given(st.lists(st.sampled_from(["", "a", "a-1", "a-2", "a-3", "scene-1", "scene-2"])))
def test_labels_are_distinct_and_not_empty(names: list[str]) -> None:
    labels = scene_labels([Scene(prompt="", name=name) for name in names])
    assert len(set(labels)) == len(names)
    assert all(labels)


def at(hour: int, minute: int = 0, day: int = 22) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=timezone.utc)


def named(template: str | None, now: datetime, zone: str, late: timedelta = timedelta()) -> str:
    return batch_name(template, RunFacts(now, now - late, RUN), zone)


@pytest.mark.parametrize(
    ("template", "now", "zone", "expected"),
    [
        (None, at(12), "UTC", "2026-11-22-8f3c12ab"),
        ("lisbon", at(12), "UTC", "lisbon"),
        ("{date}", at(12), "UTC", "2026-11-22"),
        ("n.{date}_{run}", at(12), "UTC", f"n.2026-11-22_{RUN}"),
        ("{scheduled}-{scheduled}", at(12), "UTC", "2026-11-22-2026-11-22"),
        # around midnight the zone decides
        ("{date}", at(23, 59), "UTC", "2026-11-22"),
        ("{date}", at(23, 59), "Europe/Berlin", "2026-11-23"),
        ("{date}", at(14, 59), "Asia/Tokyo", "2026-11-22"),
        ("{date}", at(15), "Asia/Tokyo", "2026-11-23"),
        ("{date}", at(7, 59), "America/Los_Angeles", "2026-11-21"),
        ("{date}", at(8), "America/Los_Angeles", "2026-11-22"),
    ],
)
def test_a_batch_is_named_by_its_template(
    template: str | None, now: datetime, zone: str, expected: str
) -> None:
    assert named(template, now, zone) == expected


def test_a_run_that_starts_after_midnight_belongs_to_the_day_it_was_due() -> None:
    late = timedelta(minutes=10)
    assert named("{scheduled}", at(0, 5, day=23), "UTC", late) == "2026-11-22"
    assert named("{date}", at(0, 5, day=23), "UTC", late) == "2026-11-23"


@pytest.mark.parametrize(
    "template",
    ["", "a/b", "a b", "-a", ".hidden", "..", "é", "a\n", "{day}", "{Date}", "a" * 81, "x{", "\0"],
)
def test_a_name_that_can_be_no_part_of_a_key_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"batch=.*use letters, digits"):
        named(template, at(12), "UTC")


@pytest.mark.parametrize(
    "zone", ["Europe/Lisboa", "", "../etc/passwd", "Europe", "CEST+2", "\0", "x" * 5000]
)
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(
        ValueError, match=r"time_zone=.*unknown time zone; use a name such as Europe/Lisbon"
    ):
        named("lisbon", at(12), zone)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("lisbon.yaml", "lisbon"),
        ("/srv/specs/Lisbon_2026-11.v2.yaml", "Lisbon_2026-11.v2"),
        ("s3://studio/specs/At night (2).csv", "at-night-2"),
        ("uploads.csv", "uploads-9ba88c41"),
        (".yaml", "yaml"),
    ],
)
def test_a_file_names_its_batch(path: str, name: str) -> None:
    assert batch_of_file(path) == name


@given(st.text())
def test_any_file_has_a_valid_batch_name(path: str) -> None:
    assert is_batch_name(batch_of_file(path))
    assert batch_of_file(path) == batch_of_file(f"elsewhere/{path.rpartition('/')[2]}")
