"""References: what stands for a file in a request, and what is a file at all."""

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.media import Kind
from prefect_toapis.client.references import (
    is_file,
    is_reference,
    reference,
    references_in,
    with_files,
    with_urls,
)
from prefect_toapis.client.requests import CharacterRequest, RemixRequest, Request, VideoRequest

ONE, TWO, THREE = (reference(digit * 64) for digit in "1ab")
DOG = "https://media.example/dog.png"


@pytest.mark.parametrize(
    ("value", "whether"),
    [
        (ONE, True),
        (THREE, True),
        (THREE.upper(), False),
        (THREE.replace("b", "B"), False),
        (THREE.replace("b", "g"), False),
        (ONE[:-1], False),
        (f"{ONE}1", False),
        (f"{ONE}\n", False),
        (f"see {ONE}", False),
        ("1" * 64, False),
        (f"sha512:{'1' * 64}", False),
        (f"sha256:{chr(0x661) * 64}", False),  # a digit of another script
        ("", False),
        (None, False),
        (7, False),
        ([ONE], False),
    ],
    ids=repr,
)
def test_a_reference_is_one_to_the_letter(value: object, whether: bool) -> None:
    assert is_reference(value) is whether


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        (VideoRequest(prompt="A dog", image_urls=[DOG]), []),
        (VideoRequest(prompt=f"A dog like {ONE}", image_urls=[DOG]), []),
        (VideoRequest(prompt="A dog", image_urls=[TWO, DOG, ONE, TWO]), [TWO, ONE]),
        (VideoRequest(prompt="A dog", character_url=ONE, image_urls=[TWO]), [TWO, ONE]),
        (
            VideoRequest(
                prompt="A dog",
                extra={
                    "mask": ONE,
                    "images": [{"role": "first_frame", "url": TWO}, [THREE]],
                    "metadata": {"clip": ONE, ONE: 7},
                },
            ),
            [ONE, TWO, THREE],
        ),
        (CharacterRequest(url=ONE, timestamps="1,3"), [ONE]),
        (CharacterRequest(from_task="video_1", timestamps="1,3"), []),
        (RemixRequest(task_id="video_1", prompt="At night"), []),
    ],
)
def test_the_references_of_a_request_are_found_once_and_in_order(
    request_: Request, found: list[str]
) -> None:
    assert references_in(request_) == found


def test_urls_take_the_place_of_references_and_of_nothing_else() -> None:
    value = {
        "a": [ONE, {"b": TWO, "c": [[THREE]]}],
        ONE: f"{ONE} ",
        "d": [None, 1, 0.5, True, DOG],
    }
    assert with_urls(value, {ONE: "https://a.b/1", TWO: "https://a.b/2", DOG: "https://a.b/3"}) == {
        "a": ["https://a.b/1", {"b": "https://a.b/2", "c": [[THREE]]}],
        ONE: f"{ONE} ",
        "d": [None, 1, 0.5, True, DOG],
    }
    assert value["a"] == [ONE, {"b": TWO, "c": [[THREE]]}], "the value itself stays as it is"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from([ONE, TWO]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text().filter(lambda name: name != "metadata"), json_values))
def test_with_a_url_for_each_reference_none_is_left(extra: dict[str, Any]) -> None:
    request = VideoRequest(prompt="A dog", extra=extra)
    urls = {one: f"https://a.b/{number}" for number, one in enumerate(references_in(request))}
    sent = with_urls(request.body(), urls)
    assert not any(one in repr(list(_leaves(sent))) for one in (ONE, TWO))
    assert with_urls(sent, {url: one for one, url in urls.items()}) == sent, "URLs stay"


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for one in value for leaf in _leaves(one)] if isinstance(value, list) else [value]


FILES = [
    *("cat.png", "cat.PNG", "my cat.jpeg", "clip.mp4", "clip.M4V", "clip.mov", "clip.webm"),
    *("a.jpg", "a.webp", "a.gif", ".png", "./cat", "clips/cat", "/srv/cat.bin", "~/cat", "../cat"),
    *("{hero}/cat.png", "{hero}.png", "{a}/{b}", "{hero.png", "/"),
    *("s3://bucket/cat.png", "s3://bucket/cat", "s3://b", f"s3://bucket/{'a' * 1100}"),
    f"{'a' * 1020}.png",
    "iVBOR/w0KGgo=",  # a short base64 may be a path as well
]
NO_FILES = [
    *("", "cat", "task_01KC0", "video_7497", "task.01KC0", "cat.txt", "png", "cat.png "),
    *(DOG, "http://127.0.0.1/a.png", "ftp://host/a.png", "S3://bucket/cat.png", "gs://b/cat.png"),
    *("://", "s3:cat"),
    *("data:image/png;base64,iVBOR/w0K", "data:a.png", ONE, "{hero}", "{a/b.png}", "{}", "{hero"),
    f"{'a' * 1021}.png",
    "A/" * 600,
    *("a\nb.png", "a/b\r", "a/b\0.png", "\n/"),
]


@pytest.mark.parametrize(
    ("text", "whether"), [*[(one, True) for one in FILES], *[(one, False) for one in NO_FILES]]
)
def test_a_file_is_told_from_urls_tasks_data_and_references(text: str, whether: bool) -> None:
    assert is_file(text) is whether


@given(st.text())
def test_a_path_of_this_system_is_a_file(name: str) -> None:
    text = f"clips{os.sep}{name}"
    odd = any(one in text for one in ("://", "\r", "\n", "\0")) or len(text) > 1024
    assert is_file(text) is not odd


MODELS = Catalogue.extended(
    """
models:
  new:
    fields:
      mask: {format: url, media: image}
      clip: {format: url-or-task, media: video}
      link: {format: url}
      note: {}
      metadata.clips: {format: url, media: video}
      images:
        items:
          url: {format: url, media: image}
          more: {items: {clip: {format: url, media: video}}}
          note: {}
"""
).models
RULES = MODELS["new"].fields


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({"mask": "a.png"}, {"mask": "image:a.png"}),
        ({"mask": ["a.png", DOG, ONE, 7]}, {"mask": ["image:a.png", DOG, ONE, 7]}),
        ({"mask": DOG}, {"mask": DOG}),
        ({"clip": "s3://b/a.mp4"}, {"clip": "video:s3://b/a.mp4"}),
        ({"clip": "task_1"}, {"clip": "task_1"}),
        ({"clip": "{hero}"}, {"clip": "{hero}"}),
        ({"link": "a.png", "note": "a.png"}, {"link": "a.png", "note": "a.png"}),
        ({"unlisted": "a.png"}, {"unlisted": "a.png"}),
        (
            {"metadata": {"clips": ["a.mp4"], "mask": "a.png"}},
            {"metadata": {"clips": ["video:a.mp4"], "mask": "image:a.png"}},
        ),
        (
            {"clips": ["a.mp4"], "metadata": "a.mp4"},
            {"clips": ["video:a.mp4"], "metadata": "a.mp4"},
        ),
        (
            {"images": [{"url": "a.png", "note": "b.png", "odd": "c.png"}, "d.png", {}]},
            {"images": [{"url": "image:a.png", "note": "b.png", "odd": "c.png"}, "d.png", {}]},
        ),
        (
            {"images": [{"url": DOG, "more": [{"clip": "a.mp4"}]}]},
            {"images": [{"url": DOG, "more": [{"clip": "video:a.mp4"}]}]},
        ),
        ({"mask": None, "images": 7}, {"mask": None, "images": 7}),
    ],
    ids=str,
)
def test_files_are_changed_where_the_catalogue_names_their_kind(
    fields: dict[str, Any], changed: dict[str, Any]
) -> None:
    def change(text: str, kind: Kind) -> str:
        return f"{kind}:{text}"

    assert with_files(fields, RULES, change) == changed
    assert with_files(fields, {}, change) == fields


def test_the_fields_of_a_video_itself_may_be_given_as_well() -> None:
    seen: list[tuple[str, Kind]] = []

    def change(text: str, kind: Kind) -> str:
        seen.append((text, kind))
        return ONE

    request = VideoRequest(prompt="./dog", image_urls=["a.png", DOG], character_url="b/c")
    changed = with_files(request.given(), MODELS["sora-2"].fields, change)
    assert changed["prompt"] == "./dog"
    assert (changed["image_urls"], changed["character_url"]) == ([ONE, DOG], ONE)
    assert seen == [("a.png", "image"), ("b/c", "video")]
