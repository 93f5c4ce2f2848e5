"""A request and how it looks on the wire."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.request_rules import check
from prefect_toapis.client.requests import IN_METADATA, VideoRequest

FIELDS = set(VideoRequest.model_fields) - {"extra"}


def test_the_page_s_own_example_is_a_request() -> None:
    example = {
        "model": "sora-2",
        "prompt": "A golden retriever running on grass, sunny day",
        "duration": 10,
        "aspect_ratio": "16:9",
    }
    request = VideoRequest.model_validate(example)
    assert check(request, Catalogue.shipped()) == []
    assert request.body() == example


def test_every_field_travels_where_the_page_says() -> None:
    request = VideoRequest(
        model="sora-2-pro",
        prompt="A dog",
        duration=15,
        aspect_ratio="9:16",
        image_urls=["https://media.example/dog.png"],
        thumbnail=True,
        n=4,
        watermark=True,
        hd=True,
        private=True,
        style="anime",
        storyboard=True,
        character_url="https://media.example/clip.mp4",
        character_timestamps="1,3",
        character_create=True,
        character_from_task="video_7497",
    )
    assert check(request, Catalogue.shipped()) == []
    assert request.body("mine-1") == {
        "model": "sora-2-pro",
        "prompt": "A dog",
        "duration": 15,
        "aspect_ratio": "9:16",
        "image_urls": ["https://media.example/dog.png"],
        "thumbnail": True,
        "metadata": {
            "n": 4,
            "watermark": True,
            "hd": True,
            "private": True,
            "style": "anime",
            "storyboard": True,
            "character_url": "https://media.example/clip.mp4",
            "character_timestamps": "1,3",
            "character_create": True,
            "character_from_task": "video_7497",
        },
        "client_business_id": "mine-1",
    }


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"n": None, "hd": None, "thumbnail": None, "watermark": None, "private": None},
        {"duration": None, "aspect_ratio": None, "style": None, "character_url": None},
        {"image_urls": [], "storyboard": None, "extra": {}},
    ],
)
def test_what_was_not_given_is_left_out(fields: dict[str, Any]) -> None:
    request = VideoRequest(**{"prompt": "A dog", **fields})
    assert request.body() == {"model": "sora-2", "prompt": "A dog"}


def test_what_was_given_is_sent_though_it_holds_anyway() -> None:
    request = VideoRequest(
        prompt="A dog", n=1, thumbnail=False, watermark=False, private=False, storyboard=False
    )
    assert request.body() == {
        "model": "sora-2",
        "prompt": "A dog",
        "thumbnail": False,
        "metadata": {"n": 1, "watermark": False, "private": False, "storyboard": False},
    }
    assert request.distinctive() == {"model": "sora-2", "prompt": "A dog"}


def test_what_a_model_lacks_is_left_out_if_it_asks_for_nothing() -> None:
    request = VideoRequest(model="sora-2-official", prompt="A dog", n=1, hd=False, watermark=False)
    assert check(request, Catalogue.shipped()) == []
    assert request.body() == {"model": "sora-2-official", "prompt": "A dog"}
    marked = request.model_copy(update={"watermark": True, "n": 2})
    assert [fault.field for fault in check(marked, Catalogue.shipped())] == ["n", "watermark"]


@pytest.mark.parametrize(("n", "outputs"), [(None, 1), (1, 1), (4, 4), (0, 0), (-1, 0)])
def test_a_generation_has_as_many_outputs_as_it_asks_for(n: int | None, outputs: int) -> None:
    assert VideoRequest(prompt="A dog", n=n).outputs == outputs


def test_an_explicit_false_counts_where_the_model_assumes_true() -> None:
    request = VideoRequest(model="happyhorse-1.1", prompt="A dog", watermark=False)
    assert request.body()["watermark"] is False
    assert request.distinctive()["watermark"] is False


def test_a_model_s_own_fields_are_given_by_name_or_in_extra() -> None:
    by_name = VideoRequest(model="kling-v3", prompt="A dog", mode="pro", audio=True)
    in_extra = VideoRequest(model="kling-v3", prompt="A dog", extra={"mode": "pro", "audio": True})
    assert by_name == in_extra
    assert VideoRequest(model="kling-v3", prompt="A dog", mode=None).extra == {}
    with pytest.raises(ValidationError, match="mode is given twice, once in extra"):
        VideoRequest(model="kling-v3", prompt="A dog", mode="pro", extra={"mode": "std"})


def test_the_fields_of_an_unknown_model_are_passed_through() -> None:
    request = VideoRequest(
        model="kling-9",
        prompt="A dog",
        duration=7,
        n=2,
        extra={"seed": 7, "resolution": "4k", "metadata": {"mode": "fast"}},
    )
    assert request.body() == {
        "model": "kling-9",
        "prompt": "A dog",
        "duration": 7,
        "seed": 7,
        "resolution": "4k",
        "metadata": {"n": 2, "mode": "fast"},
    }
    assert request.extra["metadata"] == {"mode": "fast"}, "the request itself stays as it was"


def test_a_field_that_is_misspelt_is_an_error() -> None:
    with pytest.raises(ValidationError, match="durration"):
        VideoRequest.model_validate({"prompt": "A dog", "durration": 10})


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", {"inner": [object()]}])
def test_what_json_can_t_hold_is_no_extra_field(value: Any) -> None:
    with pytest.raises(ValidationError, match="extra"):
        VideoRequest(prompt="A dog", extra={"seed": value})


def test_a_prompt_with_half_a_character_is_an_error() -> None:
    with pytest.raises(ValidationError, match="prompt"):
        VideoRequest(prompt="A dog \ud83d")
    assert VideoRequest(prompt="A dog \U0001f436").prompt == "A dog \U0001f436"


def test_a_prompt_is_required_by_the_model_and_not_by_the_type() -> None:
    image = "https://media.example/dog.png"
    (fault,) = check(VideoRequest(image_urls=[image]), Catalogue.shipped())
    assert str(fault) == "prompt='' with sora-2: say what the video shows"
    without = VideoRequest(model="wan2.6-flash", image_urls=[image])
    assert check(without, Catalogue.shipped()) == []
    assert without.body() == {"model": "wan2.6-flash", "image_urls": [image]}


SIGNED = "https://cdn.example/a.png?size=2&X-Amz-Signature=s3cr3t"


def test_the_repr_shows_no_url_that_may_be_signed() -> None:
    request = VideoRequest(
        prompt="A dog", image_urls=[SIGNED], character_url=SIGNED, extra={"url": SIGNED}
    )
    assert "s3cr3t" not in repr(request)
    assert "A dog" in repr(request)


def test_unsigned_keeps_the_request_without_the_signatures_in_it() -> None:
    request = VideoRequest(
        prompt="https://cdn.example/?Signature=shown to everybody",
        image_urls=[SIGNED, SIGNED.replace("https", "HTTPS")],
        extra={"refs": [{"url": SIGNED, "role": "first"}], "seed": 7},
    )
    kept = request.unsigned()
    plain = "https://cdn.example/a.png?size=2"
    assert kept.image_urls == [plain, plain.replace("https", "HTTPS")]
    assert kept.extra == {"refs": [{"url": plain, "role": "first"}], "seed": 7}
    assert kept.prompt == request.prompt
    assert request.image_urls[0] == SIGNED
    assert kept.unsigned() == kept


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)
other_names = st.text().filter(
    lambda name: name not in {*VideoRequest.model_fields, "metadata", "client_business_id"}
)
others = st.dictionaries(other_names, json_values, max_size=3)
requests = st.builds(
    VideoRequest,
    model=st.sampled_from(["sora-2-pro", "kling-9"]),
    prompt=st.text(min_size=1).filter(str.strip),
    image_urls=st.lists(st.text(), max_size=2),
    character_url=st.none() | st.text(),
    character_timestamps=st.none() | st.text(),
    character_from_task=st.none() | st.text(),
    duration=st.none() | st.integers(),
    aspect_ratio=st.none() | st.text(),
    style=st.none() | st.text(),
    n=st.none() | st.integers(),
    hd=st.none() | st.booleans(),
    thumbnail=st.none() | st.booleans(),
    watermark=st.none() | st.booleans(),
    private=st.none() | st.booleans(),
    storyboard=st.none() | st.booleans(),
    character_create=st.none() | st.booleans(),
    extra=others | st.builds(lambda top, inner: {**top, "metadata": inner}, others, others),
)


@given(requests)
def test_a_body_holds_each_given_field_once_and_no_other(
    request: VideoRequest,
) -> None:
    body = request.body()
    metadata = body.get("metadata", {})
    for name in FIELDS:
        value = getattr(request, name)
        in_place = metadata if name in IN_METADATA else body
        elsewhere = body if name in IN_METADATA else metadata
        required = name in {"model", "prompt"}
        if required or value != VideoRequest.model_fields[name].default:
            assert in_place[name] == value
        else:
            assert name not in in_place
        assert name not in elsewhere
    extra: dict[str, Any] = {**request.extra}
    inner = extra.pop("metadata", {})
    assert {name: body[name] for name in extra} == extra
    assert {name: metadata[name] for name in inner} == inner
    count = len(body.keys() - {"metadata"} - FIELDS) + len(metadata.keys() - FIELDS)
    assert count == len(extra) + len(inner), "nothing else is sent"
    assert json.loads(json.dumps(body)) == body
