"""Requests for characters and remixes: what goes out, and which rules they may break."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.references import references_in
from prefect_toapis.client.request_rules import check, unchecked
from prefect_toapis.client.requests import CharacterRequest, ExtendRequest, RemixRequest, Request

SHIPPED = Catalogue.shipped()
CLIP = "https://media.example/clip.mp4"
SIGNED = "https://cdn.example/a.mp4?X-Amz-Signature=s3cr3t"


def character(**fields: Any) -> CharacterRequest:
    return CharacterRequest(**{"timestamps": "1,3", **fields})


def remix(**fields: Any) -> RemixRequest:
    return RemixRequest(**{"task_id": "video_1", "prompt": "At night", **fields})


@pytest.mark.parametrize(
    ("request_", "path", "body"),
    [
        (
            character(url=CLIP),
            "/v1/videos/generations",
            {"model": "sora-2", "timestamps": "1,3", "url": CLIP},
        ),
        (
            character(from_task="video_1", model="sora-2-pro"),
            "/v1/videos/generations",
            {"model": "sora-2-pro", "timestamps": "1,3", "from_task": "video_1"},
        ),
        (remix(), "/v1/videos/video_1/remix", {"model": "sora-2", "prompt": "At night"}),
        (
            remix(model="grok-video-1.0", size="720p", aspect_ratio="16:9"),
            "/v1/videos/video_1/remix",
            {
                "model": "grok-video-1.0",
                "prompt": "At night",
                "size": "720p",
                "aspect_ratio": "16:9",
            },
        ),
        (
            ExtendRequest(task_id="a/b", model="grok-video-1.5", prompt="She waves", size="720p"),
            "/v1/videos/a%2Fb/extend",
            {"model": "grok-video-1.5", "prompt": "She waves", "size": "720p"},
        ),
        (
            remix(task_id="a/b?c", model="sora-2-vip", duration=10, aspect_ratio="1:1"),
            "/v1/videos/a%2Fb%3Fc/remix",
            {"model": "sora-2-vip", "prompt": "At night", "duration": 10, "aspect_ratio": "1:1"},
        ),
    ],
)
def test_what_was_given_goes_out_and_nothing_else(
    request_: Request, path: str, body: dict[str, Any]
) -> None:
    assert request_.path == path
    assert request_.body() == body
    assert request_.body("mine-1") == {**body, "client_business_id": "mine-1"}
    assert check(request_, SHIPPED) == []


BROKEN: list[tuple[Request, str]] = [
    (character(), "url=None with sora-2: give the URL of a clip, or from_task"),
    (
        character(url=CLIP, from_task="video_1"),
        "from_task='video_1' with sora-2: give either url or from_task, not both",
    ),
    (
        character(from_task="video_1", timestamps="1,1.5"),
        "timestamps='1,1.5' with sora-2: start and end must be 1 to 3 seconds apart, not 0.5",
    ),
    (
        character(from_task="video_1", timestamps="0,3.1"),
        "timestamps='0,3.1' with sora-2: start and end must be 1 to 3 seconds apart, not 3.1",
    ),
    (
        character(url=CLIP, timestamps="soon"),
        'timestamps=\'soon\' with sora-2: write it as "start,end" in seconds, for example "1,3"',
    ),
    (
        character(url="http://localhost/a.mp4"),
        (
            "url='http://localhost/a.mp4' with sora-2: localhost can't be reached by the provider: "
            "give a public URL"
        ),
    ),
    (
        character(url="data:video/mp4,A"),
        (
            "url='data:video/mp4,A' with sora-2: data: URLs are no longer accepted: "
            "upload the file and give its http(s) URL"
        ),
    ),
    (character(from_task=" "), r"from_task=' ' with sora-2: it must match \S+"),
    (character(model="wan9"), "url=None with wan9: give the URL of a clip, or from_task"),
    (remix(prompt=" "), "prompt=' ' with sora-2: say what the video shows"),
    (remix(task_id=" "), "task_id=' ' with sora-2: say which video to remix"),
    (remix(duration=0), "duration=0 with sora-2: choose 10 or 15 seconds"),
    (remix(duration=25), "duration=25 with sora-2: choose 10 or 15 seconds"),
    (
        remix(model="sora-2-pro", duration=10),
        "duration=10 with sora-2-pro: choose 15 or 25 seconds",
    ),
    (
        remix(model="sora-2-vip", duration=0),
        "duration=0 with sora-2-vip: it must be at least 1 seconds",
    ),
    (
        character(model="sora-2-official", url=CLIP),
        (
            "model='sora-2-official' with sora-2-official: it makes no character; "
            "use sora-2, sora-2-pro, sora-2-vip or sora-2-vvip"
        ),
    ),
    (
        remix(size="720p"),
        "size='720p' with sora-2: it has no such field; use grok-video-1.0 or grok-video-1.5",
    ),
    (
        remix(model="grok-video-1.0", aspect_ratio="1:1"),
        "aspect_ratio='1:1' with grok-video-1.0: choose 16:9 or 9:16",
    ),
    (
        ExtendRequest(task_id="video_1", prompt="She waves"),
        "model='sora-2' with sora-2: it extends no videos; use grok-video-1.0 or grok-video-1.5",
    ),
    (
        ExtendRequest(task_id=" ", model="grok-video-1.5", prompt="She waves"),
        "task_id=' ' with grok-video-1.5: say which video to extend",
    ),
    (
        remix(aspect_ratio="4:3"),
        "aspect_ratio='4:3' with sora-2: choose 16:9, 9:16 or 1:1",
    ),
    (
        remix(model="sora-2-vvip"),
        (
            "model='sora-2-vvip' with sora-2-vvip: it makes no remix; "
            "use sora-2, sora-2-pro, sora-2-vip, sora-2-official, grok-video-1.0 or grok-video-1.5"
        ),
    ),
    (
        remix(model="sora-2-official", duration=8),
        (
            "duration=8 with sora-2-official: it has no such field; "
            "use sora-2, sora-2-pro or sora-2-vip"
        ),
    ),
]


@pytest.mark.parametrize(("request_", "said"), BROKEN)
def test_a_broken_rule_is_told(request_: Request, said: str) -> None:
    assert [str(fault) for fault in check(request_, SHIPPED)] == [said]


@pytest.mark.parametrize(
    "request_",
    [
        *[character(from_task="video_1", timestamps=text) for text in ("0,1", "0.3,2.3", "7,10")],
        *[character(url=CLIP, model=model) for model in SHIPPED.taking("character")],
        *[remix(model=model) for model in SHIPPED.taking("remix")],
        *[remix(aspect_ratio=ratio) for ratio in ("16:9", "9:16", "1:1")],
        remix(model="wan9", duration=99, aspect_ratio="4:3"),
        ExtendRequest(task_id="video_1", model="grok-video-1.0", prompt="She waves", size="720p"),
        character(model="wan9", from_task="video_1", timestamps="soon"),
    ],
)
def test_what_the_reference_allows_has_no_faults(request_: Request) -> None:
    assert check(request_, SHIPPED) == []


def test_a_reference_stands_for_the_url_of_a_clip() -> None:
    request = character(url=f"sha256:{'ab' * 32}")
    assert check(request, SHIPPED) == []
    assert references_in(request) == [request.url]


def test_a_remix_makes_one_video_and_holds_no_signature() -> None:
    request = remix(duration=10)
    assert request.outputs == 1
    assert request.unsigned() == request
    assert request.given() == {"model": "sora-2", "prompt": "At night", "duration": 10}
    kept = request.model_dump(exclude_defaults=True)
    assert RemixRequest.model_validate(kept) == request, "n isn't among the fields"


def test_a_model_that_makes_no_characters_says_so() -> None:
    catalogue = Catalogue.extended("models: {still: {fields: {prompt: {}}}}")
    (fault,) = check(character(url=CLIP, model="still"), catalogue)
    assert (fault.field, fault.value) == ("model", "still")
    assert "it makes no character; use sora-2, " in fault.rule


def test_what_nobody_checks_of_a_remix_is_told() -> None:
    assert unchecked(remix(), SHIPPED) is None
    told = unchecked(remix(model="viduq3-mix"), SHIPPED)
    assert told == "viduq3-mix: the catalogue doesn't describe prompt; it is sent unchecked"


def test_a_signature_never_shows() -> None:
    request = character(url=SIGNED.replace("https", "ftp"))
    faults = check(request, SHIPPED)
    assert faults
    assert "s3cr3t" not in f"{request!r} {faults} {[str(fault) for fault in faults]}"


@pytest.mark.parametrize(
    ("kind", "fields", "name"),
    [
        (CharacterRequest, {"url": CLIP}, "timestamps"),
        (CharacterRequest, {"timestamps": "1,3", "prompt": "A dog"}, "prompt"),
        (RemixRequest, {"prompt": "A dog"}, "task_id"),
        (RemixRequest, {"task_id": "video_1"}, "prompt"),
        (RemixRequest, {"task_id": "video_1", "prompt": "A dog", "n": 2}, "n"),
        (RemixRequest, {"task_id": "video_1", "prompt": "A dog \ud83d"}, "prompt"),
    ],
)
def test_a_field_that_is_missing_or_unknown_is_an_error(
    kind: type[CharacterRequest | RemixRequest], fields: dict[str, Any], name: str
) -> None:
    with pytest.raises(ValidationError, match=name):
        kind.model_validate(fields)


models = st.sampled_from([*SHIPPED.models, "kling-v3", "wan9"]) | st.text()
any_request: st.SearchStrategy[Request] = st.one_of(
    st.builds(
        CharacterRequest,
        model=models,
        timestamps=st.text() | st.builds("{},{}".format, st.floats(), st.floats()),
        url=st.none() | st.text() | st.just(CLIP),
        from_task=st.none() | st.text(),
    ),
    st.builds(
        RemixRequest,
        task_id=st.text(st.characters(codec="utf-8")),
        model=models,
        prompt=st.text(st.characters(codec="utf-8")),
        duration=st.none() | st.integers(),
        aspect_ratio=st.none() | st.text(),
    ),
)


@given(any_request)
def test_any_request_can_be_checked_and_one_without_faults_has_a_body(request_: Request) -> None:
    faults = check(request_, SHIPPED)
    assert [str(fault) for fault in faults if not str(fault).startswith(fault.field)] == []
    assert request_.path.startswith("/v1/videos/")
    body = request_.body()
    assert body["model"] == request_.model
    assert None not in body.values()
    if not faults and isinstance(request_, CharacterRequest):
        assert ("url" in body) != ("from_task" in body)
