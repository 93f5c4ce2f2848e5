"""What makes a shot the same shot: golden values, and what counts."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.planning.identity import business_id, shot_id

DOG: dict[str, Any] = {"prompt": "A dog"}
PRO: dict[str, Any] = {
    "prompt": "{hero} chases a tram",
    "model": "sora-2-pro",
    "duration": 15,
    "aspect_ratio": "9:16",
    "style": "news",
    "hd": True,
    "n": 3,
}
IMAGES: dict[str, Any] = {
    "prompt": "Café, Lisboa, 東京",
    "image_urls": ["https://media.example/a.png?v=2&X-Amz-Signature=ab", "https://b.example/c"],
    "character_url": "https://media.example/clip.mp4",
    "character_timestamps": "1,3",
}
OTHER: dict[str, Any] = {
    "prompt": "A dog",
    "model": "veo3.1-fast",
    "extra": {"seed": 7, "metadata": {"resolution": "1080p"}},
}
TURBO = {"hero": ["duksvfkf.turbo_whis"]}

# Shots that were bought are found again by these ids. If one of them changes, every batch that
# was ever made is bought a second time when it is continued: no release may change them.
GOLDEN = [
    ("s3://videos", "b", DOG, {}, 1, "gs2wvugghhfuymx3nff3her5bw"),
    ("s3://videos", "b", DOG, {}, 2, "7t6jlj5rzxvcqe2s4mhc55rvvi"),
    ("s3://videos/team/film", "lisbon-2026-11-22", PRO, TURBO, 1, "6lcirhve7wegufsgdkno63qvd5"),
    ("s3://videos", "b", IMAGES, {}, 1, "gfk3kpg6opdwh45v6xy6r6chvf"),
    ("s3://videos", "b", OTHER, {}, 1, "zescwujlo4zwkaj6j7jcfpapmb"),
    ("s3://videos", "b", PRO, {"hero": ["a.cat", "b.dog"]}, 12, "nrno3eqfegyrup6ehj2zw5cpsi"),
]


def identity(fields: dict[str, Any] | None = None, **changes: Any) -> str:
    """The id of a shot that differs from a plain one by these things."""
    fields = {"prompt": "A dog"} | (fields or {})
    told: dict[str, Any] = {
        "destination": "s3://videos",
        "batch": "b",
        "request": VideoRequest(**fields),
        "template": fields["prompt"],
        "roles": {},
        "take": 1,
    }
    return shot_id(**told | changes)


@pytest.mark.parametrize(("destination", "batch", "fields", "roles", "take", "golden"), GOLDEN)
def test_the_id_of_a_shot_never_changes_between_releases(
    destination: str,
    batch: str,
    fields: dict[str, Any],
    roles: dict[str, list[str]],
    take: int,
    golden: str,
) -> None:
    made = identity(fields, destination=destination, batch=batch, roles=roles, take=take)
    assert made == golden


def test_the_provider_sees_shot_and_attempt() -> None:
    shot = GOLDEN[0][-1]
    assert business_id(str(shot), 1) == f"pt{shot}-1"
    assert business_id(str(shot), 12) == f"pt{shot}-12"


SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    # defaults spelt out
    ({}, {"model": "sora-2"}),
    ({}, {"n": 1, "hd": False, "duration": None, "image_urls": [], "extra": {}}),
    ({}, {"watermark": False, "private": False, "storyboard": False, "thumbnail": False}),
    # the order in which fields are given
    ({"n": 2, "duration": 10}, {"duration": 10, "n": 2}),
    ({"extra": {"a": 1, "b": 2}}, {"extra": {"b": 2, "a": 1}}),
    # what only proves the right to fetch
    (
        {"image_urls": ["https://m.example/a.png?X-Amz-Signature=1&X-Amz-Date=2&v=3"]},
        {"image_urls": ["https://m.example/a.png?v=3"]},
    ),
    (
        {"character_url": "https://m.example/a.mp4?sig=1&se=2"},
        {"character_url": "https://m.example/a.mp4"},
    ),
    (
        {"extra": {"refs": [{"url": "https://m.example/a?Signature=1"}]}},
        {"extra": {"refs": [{"url": "https://m.example/a?Signature=2"}]}},
    ),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_defaults_order_and_signatures_are_not_identity(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert identity(one) == identity(other)


def test_the_resolved_prompt_is_not_identity_but_template_and_roles_are() -> None:
    def made(prompt: str, template: str, *heroes: str) -> str:
        request = VideoRequest(prompt=prompt)
        return identity(request=request, template=template, roles={"hero": list(heroes)})

    plain = made("@a.cat runs", "{hero} runs", "a.cat")
    assert made("@other runs", "{hero} runs", "a.cat") == plain
    assert made("@a.cat runs", "{hero} walks", "a.cat") != plain
    assert made("@a.cat runs", "{hero} runs", "b.dog") != plain
    assert made("@a.cat runs", "{hero} runs", "a.cat", "b.dog") != plain


def test_the_order_of_the_roles_is_not_identity() -> None:
    one = identity(roles={"hero": ["a"], "sidekick": ["b"]})
    assert identity(roles={"sidekick": ["b"], "hero": ["a"]}) == one


CHANGED: dict[str, Any] = {
    "model": "sora-2-pro",
    "duration": 15,
    "aspect_ratio": "9:16",
    "style": "anime",
    "n": 2,
    "hd": True,
    "thumbnail": True,
    "watermark": True,
    "private": True,
    "storyboard": True,
    "character_create": True,
    "extra": {"seed": 1},
    "image_urls": ["https://m.example/a.png"],
    "character_url": "https://m.example/a.mp4",
    "character_timestamps": "1,3",
    "character_from_task": "video_1",
}


def test_every_field_of_a_request_is_tried_here() -> None:
    assert CHANGED.keys() | {"prompt"} == VideoRequest.model_fields.keys()


def test_every_field_counts_and_batch_destination_template_and_take_too() -> None:
    ids = [identity({name: value}) for name, value in CHANGED.items()]
    ids += [
        identity(),
        identity(batch="c"),
        identity(destination="s3://videos/b"),
        identity(template="A cat"),
        identity(take=2),
        identity(roles={"hero": ["a.cat"]}),
        identity({"image_urls": ["https://m.example/a.png", "https://m.example/b.png"]}),
        identity({"image_urls": ["https://m.example/b.png", "https://m.example/a.png"]}),
        identity({"image_urls": ["https://m.example/a.png?v=2"]}),
    ]
    assert len(set(ids)) == len(ids)


@given(
    batch=st.text(st.characters(exclude_categories=["Cs"])),
    template=st.text(st.characters(exclude_categories=["Cs"])),
    duration=st.integers(1, 60) | st.none(),
    take=st.integers(1, 9),
)
def test_an_id_has_one_form_and_any_change_makes_another(
    batch: str, template: str, duration: int | None, take: int
) -> None:
    fields = {"duration": duration}
    told = {"batch": batch, "template": template, "take": take}
    made = identity(fields, **told)
    assert re.fullmatch("[a-z2-7]{26}", made)
    assert identity({"duration": (duration or 0) + 1}, **told) != made
    assert identity(fields, **told | {"batch": batch + "x"}) != made
    assert identity(fields, **told | {"template": template + " "}) != made
    assert identity(fields, **told | {"take": take + 1}) != made
