"""Which requests break which rule of their model, by the tables of the reference."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.field_faults import segment_seconds
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.request_rules import (
    check,
    is_known,
    not_uploaded,
    unchecked,
)
from prefect_toapis.client.requests import VideoRequest

SHIPPED = Catalogue.shipped()
SORA = ["sora-2", "sora-2-pro", "sora-2-vip", "sora-2-vvip"]
CLIP = "https://media.example/clip.mp4"
DOG = "https://media.example/dog.png"
DURATIONS = {  # None: the page gives no list
    "sora-2": {10, 15},
    "sora-2-pro": {15, 25},
    "sora-2-vip": None,
    "sora-2-vvip": {4, 8, 12},
    "sora-2-official": {4, 8, 12},
}

BROKEN: list[tuple[str, dict[str, Any], str, str, str]] = [
    # model, fields, the field that is named, its value as shown, the rule
    ("sora-2", {"duration": 12}, "duration", "12", "choose 10 or 15 seconds"),
    ("sora-2", {"duration": 25}, "duration", "25", "choose 10 or 15 seconds"),
    ("sora-2-pro", {"duration": 10}, "duration", "10", "choose 15 or 25 seconds"),
    ("sora-2-vip", {"duration": 0}, "duration", "0", "at least 1 seconds"),
    ("sora-2-vvip", {"duration": 10}, "duration", "10", "choose 4, 8 or 12 seconds"),
    ("sora-2-official", {"duration": 15}, "duration", "15", "choose 4, 8 or 12 seconds"),
    ("sora-2", {"hd": True}, "hd", "True", "it has no such field; use sora-2-pro"),
    ("sora-2-vip", {"hd": True}, "hd", "True", "it has no such field; use sora-2-pro"),
    ("sora-2-vvip", {"hd": True}, "hd", "True", "it has no such field; use sora-2-pro"),
    ("sora-2-official", {"hd": True}, "hd", "True", "it has no such field; use sora-2-pro"),
    (
        *("sora-2-pro", {"hd": True, "duration": 25}, "hd", "True"),
        "not together with duration=25: HD videos are 15 seconds long",
    ),
    ("sora-2", {"aspect_ratio": "1:1"}, "aspect_ratio", "'1:1'", "choose 16:9 or 9:16"),
    ("sora-2-pro", {"style": "noir"}, "style", "'noir'", "choose thanksgiving, comic, news,"),
    *[(model, {"n": 0}, "n", "0", "at least 1") for model in SORA],
    *[(model, {"n": 5}, "n", "5", "at most 4") for model in SORA],
    *[(model, {"prompt": ""}, "prompt", "''", "say what the video shows") for model in SORA],
    ("sora-2", {"prompt": " \n"}, "prompt", r"' \n'", "say what the video shows"),
    ("veo3.1-fast", {"prompt": ""}, "prompt", "''", "say what the video shows"),
    (
        *("sora-2", {"image_urls": ["iVBORw0KGgoAAAANSUhEUg=="]}),
        *("image_urls[0]", "'iVBORw0KGgoAAAANSUhEUg=='", "base64 is no longer accepted"),
    ),
    (
        *("sora-2", {"image_urls": [DOG, "data:image/png;base64,iVBOR"]}),
        *("image_urls[1]", "'data:image/png;base64,iVBOR'", "data: URLs are no longer accepted"),
    ),
    (
        *("sora-2-pro", {"image_urls": ["ftp://media.example/a.png"]}, "image_urls[0]"),
        *("'ftp://media.example/a.png'", "ftp:// can't be fetched by the provider"),
    ),
    ("sora-2", {"image_urls": [""]}, "image_urls[0]", "''", "not a URL"),
    ("sora-2", {"image_urls": ["http://["]}, "image_urls[0]", "'http://['", "not a URL"),
    ("sora-2", {"image_urls": ["https:///a"]}, "image_urls[0]", "'https:///a'", "has no host"),
    (
        *("sora-2-vip", {"image_urls": ["http://10.0.0.1/a"]}, "image_urls[0]"),
        *("'http://10.0.0.1/a'", "10.0.0.1 can't be reached by the provider"),
    ),
    (
        *("wan2.6-flash", {"image_urls": [DOG, DOG]}, "image_urls"),
        *(f"['{DOG}', '{DOG}']", "it takes 1 at most, not 2"),
    ),
    ("sora-2", {"character_url": ""}, "character_url", "''", "not a URL"),
    ("sora-2", {"character_url": "data:video/mp4,A"}, "character_url", "'data:video", "data: URLs"),
    ("sora-2", {"character_url": "iVBOR/w0KG=="}, "character_url", "'iVBOR/w0KG=='", "not a URL"),
    *[
        (
            *(model, {"character_url": CLIP, "character_timestamps": "1,4"}),
            *("character_timestamps", "'1,4'", "must be 2 seconds apart, not 3"),
        )
        for model in SORA
    ],
    *[
        (
            *("sora-2", {"character_url": CLIP, "character_timestamps": text}),
            *("character_timestamps", repr(text), 'write it as "start,end" in seconds'),
        )
        for text in ("", "1", "1-3", "one,three", "1,3,5", "-1,1", "1;3")
    ],
    (
        *("sora-2", {"character_url": CLIP, "character_timestamps": "3,1"}),
        *("character_timestamps", "'3,1'", "must be 2 seconds apart, not -2"),
    ),
    (
        *("sora-2", {"character_timestamps": "1,3"}),
        *("character_timestamps", "'1,3'", "give character_url or character_from_task too"),
    ),
    ("sora-2", {"extra": {"seed": 7}}, "seed", "7", "it has no such field"),
    ("sora-2", {"extra": {"duration": 10}}, "extra.duration", "10", "set the field itself"),
    ("veo3.1-fast", {"extra": {"hd": True}}, "extra.hd", "True", "set the field itself"),
    (
        *("veo3.1-fast", {"extra": {"metadata": {"n": 2}}}),
        *("extra.metadata.n", "2", "set the field itself"),
    ),
    ("veo3.1-fast", {"extra": {"metadata": 5}}, "extra.metadata", "5", "it must be an object"),
    ("sora-2", {"extra": {"metadata": {"cut": 1}}}, "metadata.cut", "1", "it has no such field"),
    ("veo3.1-fast", {"extra": {"resolution": 720}}, "resolution", "720", "choose 720p, 1080p or"),
    ("seedance-2", {"extra": {"seed": "7"}}, "seed", "'7'", "its type must be integer"),
    ("seedance-2", {"extra": {"seed": True}}, "seed", "True", "its type must be integer"),
    ("kling-v2-6", {"extra": {"reference_images": DOG}}, "reference_images", f"'{DOG}'", "array"),
]


@pytest.mark.parametrize(("model", "fields", "name", "shown", "rule"), BROKEN)
def test_a_broken_rule_is_told_with_field_value_model_and_rule(
    model: str, fields: dict[str, Any], name: str, shown: str, rule: str
) -> None:
    (fault,) = check(VideoRequest(model=model, **{"prompt": "A dog", **fields}), SHIPPED)
    assert (fault.field, fault.model) == (name, model)
    assert str(fault).startswith(f"{name}={shown}")
    assert f" with {model}: " in str(fault)
    assert rule in str(fault)


GOOD: list[tuple[str, dict[str, Any]]] = [
    *[(model, {}) for model in SORA],
    *[(model, {"n": n}) for model in SORA for n in (1, 4)],
    *[(model, {"aspect_ratio": ratio}) for model in SORA for ratio in ("16:9", "9:16")],
    *[
        ("sora-2", {"style": style})
        for style in ("thanksgiving", "comic", "news", "selfie", "nostalgic", "anime")
    ],
    ("sora-2-pro", {"hd": True}),
    ("sora-2-pro", {"hd": True, "duration": 15}),
    ("sora-2-pro", {"duration": 15}),
    ("sora-2", {"prompt": "@duksvfkf.cruisingki @zdqwahgj.baronbarki race"}),
    ("sora-2", {"image_urls": [DOG, "http://93.184.216.34/b.png"]}),
    ("sora-2-official", {"image_urls": [DOG]}),
    ("sora-2", {"character_url": CLIP}),
    ("sora-2", {"character_url": "task_01KC0"}),
    ("sora-2", {"character_url": CLIP, "character_timestamps": "1,3"}),
    ("sora-2", {"character_url": CLIP, "character_timestamps": " 0.3 , 2.3 "}),
    ("sora-2", {"character_create": True, "private": True, "watermark": True}),
    ("sora-2", {"character_from_task": "video_7497", "storyboard": True, "thumbnail": True}),
    ("veo-9", {"duration": 7, "n": 9, "hd": True, "style": "noir", "aspect_ratio": "4:3"}),
    ("veo-9", {"extra": {"seed": 7, "metadata": {"mode": "fast"}}}),
    ("viduq3-mix", {"image_urls": [DOG], "extra": {"seed": 7.0, "mode": "pro", "cfg_scale": 0.5}}),
    ("kling-v3", {"extra": {"image_with_roles": [{"url": DOG, "role": "first_frame"}]}}),
    ("wan9", {"extra": {"seed": "any"}}),
]


@pytest.mark.parametrize(("model", "fields"), GOOD)
def test_what_the_reference_allows_has_no_faults(model: str, fields: dict[str, Any]) -> None:
    assert check(VideoRequest(model=model, **{"prompt": "A dog", **fields}), SHIPPED) == []


@pytest.mark.parametrize("model", DURATIONS)
def test_a_model_takes_its_documented_durations_and_no_others(model: str) -> None:
    taken = {
        seconds
        for seconds in range(-1, 40)
        if not check(VideoRequest(prompt="A dog", model=model, duration=seconds), SHIPPED)
    }
    assert taken == (DURATIONS[model] or set(range(1, 40)))


def test_all_faults_are_told_at_once() -> None:
    request = VideoRequest(
        prompt="", duration=12, n=5, hd=True, image_urls=["a", "b"], extra={"seed": 7}
    )
    told = {fault.field for fault in check(request, SHIPPED)}
    assert told == {"prompt", "duration", "n", "hd", "image_urls[0]", "image_urls[1]", "seed"}


def test_rules_come_from_the_catalogue_that_is_given() -> None:
    catalogue = Catalogue.model_validate(
        {"models": {"new": {"fields": {"prompt": {}, "duration": {"choices": [60]}}}}}
    )
    request = VideoRequest(prompt="A dog", model="new", duration=10)
    assert is_known(request, catalogue)
    assert not is_known(request, SHIPPED)
    assert [str(fault) for fault in check(request, catalogue)] == [
        "duration=10 with new: choose 60"
    ]


def test_a_conflict_counts_the_values_that_a_model_assumes() -> None:
    rules = {
        "fields": {"prompt": {}, "duration": {}, "hd": {}},
        "defaults": {"duration": 25},
        "conflicts": [{"values": {"hd": True, "duration": 25}, "why": "too large"}],
    }
    catalogue = Catalogue.model_validate({"models": {"new": rules}})
    request = VideoRequest(prompt="A dog", model="new", hd=True)
    assert [fault.field for fault in check(request, catalogue)] == ["hd"]
    assert check(request.model_copy(update={"duration": 15}), catalogue) == []


def test_a_segment_may_have_a_range_of_lengths() -> None:
    fields = {"prompt": {}, "character_timestamps": {"format": "segment", "seconds": [1, 3]}}
    catalogue = Catalogue.model_validate({"models": {"new": {"fields": fields}}})

    def faults(segment: str) -> list[str]:
        request = VideoRequest(prompt="A dog", model="new", character_timestamps=segment)
        return [fault.rule for fault in check(request, catalogue)]

    assert faults("1,2") == faults("0.5,3.5") == []
    assert faults("1,5") == ["start and end must be 1 to 3 seconds apart, not 4"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1,3", (1.0, 3.0)), (" 0.5 , 2.5 ", (0.5, 2.5)), ("1", None), ("a,b", None), ("1,-3", None)],
)
def test_a_segment_is_two_numbers(text: str, seconds: tuple[float, float] | None) -> None:
    assert segment_seconds(text) == seconds


OF_A_TYPE: list[tuple[dict[str, Any], list[Any], list[Any], str]] = [
    # rule, good values, bad ones, what is said of these
    ({"type": "string"}, ["", "a"], [1, True, None, [], {}], "its type must be string"),
    ({"type": "integer"}, [0, -7, 7.0], [7.5, "7", True, None], "its type must be integer"),
    ({"type": "number"}, [0, 7.5], ["7", False, []], "its type must be number"),
    ({"type": "boolean"}, [True, False], [0, 1, "true"], "its type must be boolean"),
    ({"type": "array"}, [[], [1]], ["a", {}, 1], "its type must be array"),
    ({"type": "object"}, [{}, {"a": 1}], [[], "a"], "its type must be object"),
    ({"minimum": 0.5}, [0.5, 1], [0.4], "it must be at least 0.5"),
    ({"minimum": 1}, [1], ["1", True, None], "its type must be integer or number"),
    ({"maximum": 1, "type": "integer"}, [1], [1.5], "its type must be integer"),
    ({"max_items": 1}, [[], [1]], [[1, 2]], "it takes 1 at most, not 2"),
    ({"max_items": 1}, [], ["ab", {"a": 1}], "its type must be array"),
    ({"choices": ["a", 1]}, ["a", 1], ["b", None, [], {}], "choose a or 1"),
    ({"pattern": r"\d+p"}, ["720p"], ["720p!", "x720p", ""], r"it must match \d+p"),
    ({"pattern": r"\d+p"}, [], [720], "its type must be string"),
    ({"format": "segment"}, ["1,9"], ["1"], "start,end"),
    ({"format": "segment"}, [], [[1, 3]], "its type must be string"),
    ({"format": "url"}, [DOG, [DOG]], ["a"], "not a URL"),
    ({"format": "url"}, [], [7, {}], "its type must be array or string"),
    ({"format": "url"}, [], [[7], [None]], "it must be a string"),
    ({"format": "url-or-task"}, ["task_1", ["task_1", DOG]], [[7]], "it must be a string"),
]


@pytest.mark.parametrize(("rule", "good", "bad", "said"), OF_A_TYPE)
def test_an_extra_field_that_the_catalogue_describes_is_checked(
    rule: dict[str, Any], good: list[Any], bad: list[Any], said: str
) -> None:
    fields = {"prompt": {}, "x": rule, "metadata.y": rule}
    catalogue = Catalogue.model_validate({"models": {"new": {"fields": fields}}})

    def faults(extra: dict[str, Any]) -> list[str]:
        request = VideoRequest(prompt="A dog", model="new", extra=extra)
        return [str(fault) for fault in check(request, catalogue)]

    for value in good:
        assert faults({"x": value, "metadata": {"y": value}}) == []
    for value in bad:
        (fault,) = faults({"x": value})
        assert said in fault
        (inside,) = faults({"metadata": {"y": value}})
        assert inside.startswith("metadata.y")


CAT = f"sha256:{'ab' * 32}"


@pytest.mark.parametrize(
    "fields",
    [
        {"image_urls": [CAT, DOG]},
        {"character_url": CAT, "character_timestamps": "1,3"},
        {"model": "sora-2-official", "image_urls": [CAT, CAT]},
    ],
    ids=str,
)
def test_a_reference_stands_for_a_url(fields: dict[str, Any]) -> None:
    assert check(VideoRequest(**{"prompt": "A dog", **fields}), SHIPPED) == []


@pytest.mark.parametrize("text", [CAT[:-1], f"{CAT}0", CAT.upper(), f" {CAT}", "cat.png"])
def test_what_is_only_like_a_reference_is_no_url(text: str) -> None:
    (fault,) = check(VideoRequest(prompt="A dog", image_urls=[DOG, text]), SHIPPED)
    assert (fault.field, fault.value) == ("image_urls[1]", text)
    assert "not a URL" in fault.rule


def test_a_reference_counts_as_one_item_and_is_no_task_or_segment() -> None:
    catalogue = Catalogue.extended(
        "models: {new: {fields: {prompt: {}, image_urls: {format: url, max_items: 1}, "
        "character_url: {format: url}, character_timestamps: {format: segment}}}}"
    )
    request = VideoRequest(
        model="new",
        prompt="A dog",
        image_urls=[CAT, CAT],
        character_url=CLIP,
        character_timestamps=CAT,
    )
    assert {fault.field for fault in check(request, catalogue)} == {
        *("image_urls", "character_timestamps")
    }


def test_a_reference_without_an_upload_is_told_with_its_place() -> None:
    other = f"sha256:{'cd' * 32}"
    extra: dict[str, Any] = {"images": [{"url": CAT}, {"url": other}], "metadata": {"x": [CAT]}}
    request = VideoRequest(model="wan9", prompt="A dog", image_urls=[other, DOG, CAT], extra=extra)
    told = not_uploaded(request, {other: DOG})
    assert [(fault.field, fault.value) for fault in told] == [
        *(("image_urls[2]", CAT), ("images[0].url", CAT), ("metadata.x[0]", CAT))
    ]
    assert str(told[0]).startswith("image_urls[2]='sha256:abab")
    assert str(told[0]).endswith("with wan9: no upload of this content: upload the file first")
    assert not_uploaded(request, {other: DOG, CAT: DOG}) == []


ROLES = """
models:
  new:
    fields:
      prompt: {}
      image_with_roles:
        type: array
        max_items: 3
        items:
          url: {format: url, media: image, required: true}
          role: {choices: [first_frame, last_frame, reference], required: true}
          weight: {minimum: 0, maximum: 1}
"""


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([{"url": DOG, "role": "reference"}], []),
        ([{"url": CAT, "role": "first_frame"}, {"url": DOG, "role": "last_frame"}], []),
        ([{"url": DOG, "role": "reference", "weight": 0.5}], []),
        ([], []),
        (
            [{"url": DOG, "role": "hero"}],
            ["image_with_roles[0].role='hero' with new: choose first_frame, last_frame or"],
        ),
        (
            [{"url": DOG, "role": "reference"}, {}],
            [
                "image_with_roles[1].url=None with new: this model needs it",
                "image_with_roles[1].role=None with new: this model needs it",
            ],
        ),
        (
            [{"url": "cat.png", "role": "reference", "wieght": 1}],
            [
                "image_with_roles[0].url='cat.png' with new: not a URL",
                (
                    "image_with_roles[0].wieght=1 with new: there is no such field here; "
                    "use url, role or weight"
                ),
            ],
        ),
        (
            [{"url": 7, "role": "reference", "weight": 2}],
            [
                "image_with_roles[0].url=7 with new: its type must be array or string",
                "image_with_roles[0].weight=2 with new: it must be at most 1",
            ],
        ),
        (
            [DOG, None],
            [
                f"image_with_roles[0]='{DOG}' with new: it must be an object of url and role",
                "image_with_roles[1]=None with new: it must be an object of url and role",
            ],
        ),
        (
            [{"url": DOG, "role": "reference"}] * 4,
            ["image_with_roles=[{'url': 'https://media.example/dog.png', 'role': 'referen"],
        ),
        ({"url": DOG}, ["image_with_roles={'url': 'https://media.example/dog.png'} with new: its"]),
    ],
    ids=str,
)
def test_the_items_of_an_array_are_checked_member_by_member(value: Any, said: list[str]) -> None:
    request = VideoRequest(prompt="A dog", model="new", extra={"image_with_roles": value})
    told = [str(fault) for fault in check(request, Catalogue.extended(ROLES))]
    assert len(told) == len(said)
    for fault, start in zip(told, said, strict=True):
        assert fault.startswith(start)


def test_a_field_that_a_model_needs_is_asked_for() -> None:
    rules = {"fields": {"prompt": {}, "mode": {"required": True}}}
    catalogue = Catalogue.model_validate({"models": {"new": rules}})
    request = VideoRequest(prompt="A dog", model="new")
    (fault,) = check(request, catalogue)
    assert str(fault) == "mode=None with new: this model needs it"
    assert check(request.model_copy(update={"extra": {"mode": "pro"}}), catalogue) == []


@pytest.mark.parametrize(
    ("model", "fields", "said"),
    [
        ("sora-2", {}, None),
        ("wan9", {}, "wan9: not in the catalogue; its rules are unchecked"),
        *[
            (
                *(written, {}),
                (
                    f"{written}: not in the catalogue (did you mean {meant}?); "
                    "its rules are unchecked"
                ),
            )
            for written, meant in [
                ("sora2", "sora-2"),
                ("SORA2", "sora-2"),
                ("klingv3", "kling-v3"),
                ("sora-2pro", "sora-2-pro"),
                ("sora2-oficial", "sora-2-official"),
            ]
        ],
        *[
            (name, {}, f"{name}: not in the catalogue; its rules are unchecked")
            for name in ("sora-3", "sora-2-max", "kling", "kling_", "")
        ],
        ("SORA-2", {}, None),
        ("kling-v3", {"n": 2}, None),
        ("viduq3-mix", {"extra": {"seed": 7}}, None),
        (
            *("viduq3-mix", {"n": 2}),
            "viduq3-mix: the catalogue doesn't describe n; it is sent unchecked",
        ),
        (
            *("viduq3-mix", {"duration": 5, "extra": {"size": 7, "metadata": {"cut": 1}}}),
            (
                "viduq3-mix: the catalogue doesn't describe size and metadata.cut; "
                "they are sent unchecked"
            ),
        ),
    ],
)
def test_what_nobody_checks_is_told(model: str, fields: dict[str, Any], said: str | None) -> None:
    request = VideoRequest(model=model, prompt="A dog", **fields)
    assert unchecked(request, SHIPPED) == said


@pytest.mark.parametrize(
    ("model", "known"),
    [
        *(("sora-2", True), ("Kling-V3", True)),
        *(("viduq3-mix", False), ("wan9", False), ("", False)),
    ],
)
def test_a_model_is_known_when_all_its_fields_are_listed(model: str, known: bool) -> None:
    assert is_known(VideoRequest(model=model, prompt="A dog"), SHIPPED) is known


SIGNED = "https://cdn.example/a.png?X-Amz-Signature=s3cr3t"


@pytest.mark.parametrize(
    "fields",
    [
        {"image_urls": [SIGNED.replace("https", "ftp")]},
        {"image_urls": [SIGNED.replace("cdn.example", "localhost")]},
        {"model": "wan2.6-flash", "image_urls": [SIGNED, SIGNED]},
        {"extra": {"reference": {"url": SIGNED}}},
        {"extra": {"references": [SIGNED, {"url": SIGNED}]}},
    ],
)
def test_a_fault_never_shows_a_signature(fields: dict[str, Any]) -> None:
    faults = check(VideoRequest(**{"prompt": "A dog", **fields}), SHIPPED)
    assert faults
    assert "s3cr3t" not in f"{faults} {[str(fault) for fault in faults]}"


def test_a_long_value_is_cut_short_in_a_message() -> None:
    request = VideoRequest(prompt="A dog", image_urls=["data:image/png;base64," + "A" * 10_000])
    (fault,) = check(request, SHIPPED)
    assert len(str(fault)) < 250


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
urls = st.builds("".join, st.tuples(st.sampled_from(["http://", "https://[", "data:"]), st.text()))
names = (
    st.sampled_from([*VideoRequest.model_fields, "metadata", "seed", "mode", "reference_images"])
    | st.text()
)
any_request = st.builds(
    VideoRequest,
    model=st.sampled_from([*SHIPPED.models, "wan9"]) | st.text(),
    prompt=st.text(),
    image_urls=st.lists(st.text() | urls, max_size=3),
    character_url=st.none() | st.text() | urls,
    character_timestamps=st.none()
    | st.text()
    | st.builds("{},{}".format, st.floats(), st.integers()),
    character_from_task=st.none() | st.text(),
    duration=st.none() | st.integers(),
    aspect_ratio=st.none() | st.text(),
    style=st.none() | st.text(),
    n=st.none() | st.integers(),
    hd=st.none() | st.booleans(),
    extra=st.dictionaries(names, json_values | st.dictionaries(names, json_values), max_size=3),
)


@given(any_request)
def test_any_request_can_be_checked_and_one_without_faults_has_a_body(
    request: VideoRequest,
) -> None:
    faults = check(request, SHIPPED)
    for fault in faults:
        assert str(fault).startswith(printable(fault.field)[:40])
        assert fault.model == request.model
    if not faults:
        rules = SHIPPED.rules_of(request.model)
        assert request.prompt.strip() or (rules and not rules.needs_prompt)
        assert request.body()["model"] == request.model
