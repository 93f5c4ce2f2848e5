"""Characters, remixes, uploads, balance and models over real HTTP."""

import hashlib
import json
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from prefect_toapis.client.account_replies import read_models
from prefect_toapis.client.errors import (
    BadRequest,
    InvalidRequest,
    NotFound,
    SubmissionUnknown,
    ToAPIsError,
    Unauthorized,
    Unavailable,
    UnreadableReply,
)
from prefect_toapis.client.media import Kind
from prefect_toapis.client.polling import CHARACTER_POLL_POLICY
from prefect_toapis.client.references import reference
from prefect_toapis.client.replies import Answer
from prefect_toapis.client.requests import CharacterRequest, RemixRequest, Request, VideoRequest
from prefect_toapis.client.response_decisions import query_result
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.simulator import Drop, Fault, Replace, Simulator, SimulatorSettings

DOG = VideoRequest(prompt="A dog")
GIF = b"GIF89a" + bytes(range(256)) * 2_000  # 512 kB: several chunks
MP4 = b"\x00\x00\x00\x20ftypisom" + bytes(range(256))
LIMITER_DOWN = json.dumps({"error": {"code": "rate_limit_unavailable", "message": "Down"}})
CLIP = "https://media.example/clip.mp4"
DOG_URL = "https://media.example/dog.png"


def finished(simulator: Simulator) -> Callable[[], bool]:
    """Whether the newest generation is rendered, by the simulator's own clock and times."""
    return lambda: (
        httpx.get(
            f"{simulator.url}/v1/videos/generations/{simulator.ledger.paid[-1].task_id}",
            headers={"Authorization": f"Bearer {simulator.api_key}"},
        ).json()["status"]
        == "completed"
    )


# Characters and remixes


async def test_a_character_is_made_from_a_clip(simulator: Simulator, client: ToAPIsClient) -> None:
    accepted = await client.submit(CharacterRequest(url=CLIP, timestamps="1,3"))
    await simulator.await_for(finished(simulator))
    reply = await client.character_status(accepted.task_id)
    assert reply.status == "completed"
    (character,) = reply.characters
    assert "." in character.username
    assert character.picture_url
    (paid,) = simulator.ledger.paid
    assert (paid.kind, paid.body) == (
        "character",
        {"model": "sora-2", "timestamps": "1,3", "url": CLIP},
    )
    assert (await client.status(accepted.task_id)).characters == reply.characters


async def test_a_character_is_made_from_a_video_and_with_it(
    simulator: Simulator, client: ToAPIsClient
) -> None:
    video = await client.submit(VideoRequest(prompt="A dog", character_create=True))
    await simulator.await_for(finished(simulator))
    assert (await client.status(video.task_id)).characters
    await client.submit(CharacterRequest(from_task=video.task_id, timestamps="0,2"))
    assert simulator.ledger.paid[-1].kind == "character"


async def test_a_video_brings_a_character_of_an_earlier_one_along(
    simulator: Simulator, client: ToAPIsClient
) -> None:
    earlier = await client.submit(DOG)
    await simulator.await_for(finished(simulator))
    video = await client.submit(VideoRequest(prompt="A cat", character_from_task=earlier.task_id))
    await simulator.await_for(finished(simulator))
    reply = await client.status(video.task_id)
    assert (len(reply.outputs), len(reply.characters)) == (1, 1)


async def test_a_finished_character_appears_by_the_id_of_its_task(
    simulator: Simulator, client: ToAPIsClient
) -> None:
    made = await client.submit(CharacterRequest(url=CLIP, timestamps="1,3"))
    request = VideoRequest(prompt="A dog", character_url=made.task_id)
    with pytest.raises(BadRequest, match="character_url"):
        await client.submit(request)
    await simulator.await_for(finished(simulator))
    await client.submit(request)
    assert [paid.kind for paid in simulator.ledger.paid] == ["character", "video"]


async def test_a_video_is_remixed(simulator: Simulator, client: ToAPIsClient) -> None:
    video = await client.submit(DOG)
    await simulator.await_for(finished(simulator))
    request = RemixRequest(task_id=video.task_id, prompt="At night", aspect_ratio="1:1")
    accepted = await client.submit(request, "mine-1")
    remixed = simulator.ledger.paid[-1]
    assert (remixed.kind, remixed.remix_of) == ("remix", video.task_id)
    assert remixed.task_id == accepted.task_id != video.task_id
    assert remixed.business_id == "mine-1"


REQUESTS: list[tuple[str, Request]] = [
    ("character", CharacterRequest(url=CLIP, timestamps="1,3")),
    ("remix", RemixRequest(task_id="video_1", prompt="At night")),
]


@pytest.mark.parametrize(("operation", "request_"), REQUESTS, ids=["character", "remix"])
async def test_a_purchase_that_may_have_been_made_is_not_sent_again(
    simulator: Simulator, client: ToAPIsClient, operation: Any, request_: Request
) -> None:
    simulator.faults.add(Drop(operation=operation, when="after"))
    with pytest.raises(SubmissionUnknown) as raised:
        await client.submit(request_, "mine-1")
    assert (raised.value.money, raised.value.business_id) == ("maybe spent", "mine-1")
    assert len(simulator.ledger.submissions) == 1


@pytest.mark.parametrize(("operation", "request_"), REQUESTS, ids=["character", "remix"])
async def test_a_purchase_that_surely_was_not_made_is_sent_again(
    simulator: Simulator, client: ToAPIsClient, operation: Any, request_: Request
) -> None:
    if isinstance(request_, RemixRequest):
        video = await client.submit(DOG)
        await simulator.await_for(finished(simulator))
        request_ = request_.model_copy(update={"task_id": video.task_id})
    simulator.faults.add(Replace(operation=operation, status=503, body=LIMITER_DOWN, times=2))
    accepted = await client.submit(request_)
    tries = [one for one in simulator.ledger.submissions if one.kind == operation]
    assert [one.paid for one in tries] == [False, False, True]
    assert tries[-1].task_id == accepted.task_id


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        (CharacterRequest(timestamps="1,3"), "url=None with sora-2: give the URL of a clip"),
        (RemixRequest(task_id="video_1", prompt=" "), "prompt=' ' with sora-2: say what"),
    ],
)
async def test_what_breaks_rules_is_not_sent(
    simulator: Simulator, client: ToAPIsClient, request_: Request, fault: str
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await client.submit(request_)
    assert raised.value.faults[0].startswith(fault)
    assert simulator.ledger.submissions == []


async def test_the_catalogue_that_the_environment_names_decides(
    simulator: Simulator, client: ToAPIsClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "models.yaml"
    path.write_text("models: {wan-9: {fields: {prompt: {}, duration: {choices: [5]}}}}")
    monkeypatch.setenv("TOAPIS_CATALOGUE", str(path))
    with pytest.raises(InvalidRequest, match="duration=7 with wan-9: choose 5"):
        await client.submit(VideoRequest(model="wan-9", prompt="A dog", duration=7))
    assert simulator.ledger.submissions == []


async def test_an_unknown_character_or_video_is_not_found(client: ToAPIsClient) -> None:
    with pytest.raises(NotFound) as raised:
        await client.character_status("task_nowhere")
    assert raised.value.task_id == "task_nowhere"
    with pytest.raises(NotFound):
        await client.submit(RemixRequest(task_id="video_nowhere", prompt="At night"))


def test_characters_are_waited_for_as_the_provider_advises() -> None:
    advised = CHARACTER_POLL_POLICY
    assert (advised.first, advised.every, advised.timeout) == (5, 5, 300)


# Uploads


@pytest.mark.parametrize(
    ("kind", "content", "name"), [("image", GIF, 'cät ".gif'), ("video", MP4, "clip.mp4")]
)
async def test_a_file_is_uploaded_and_lies_at_the_url(
    simulator: Simulator, client: ToAPIsClient, kind: Kind, content: bytes, name: str
) -> None:
    url = await client.upload(content, name, kind)
    async with httpx.AsyncClient() as web:
        assert (await web.get(url)).content == content
    (upload,) = simulator.ledger.uploads
    assert (upload.kind, upload.url) == (kind, url)
    assert upload.sha256 == hashlib.sha256(content).hexdigest()


async def test_the_urls_of_uploads_go_out_in_place_of_references(
    simulator: Simulator, client: ToAPIsClient
) -> None:
    image, clip = reference("1" * 64), reference("2" * 64)
    uploads = {
        image: await client.upload(GIF, "cat.gif", "image"),
        clip: await client.upload(MP4, "clip.mp4", "video"),
    }
    requests: list[Request] = [
        VideoRequest(prompt="A dog", image_urls=[DOG_URL, image], character_url=clip),
        CharacterRequest(url=clip, timestamps="1,3"),
        VideoRequest(model="wan9", prompt="A dog", extra={"metadata": {"masks": [{"a": image}]}}),
    ]
    for request in requests:
        await client.submit(request, uploads=uploads)
    assert [paid.body for paid in simulator.ledger.paid] == [
        {
            "model": "sora-2",
            "prompt": "A dog",
            "image_urls": [DOG_URL, uploads[image]],
            "metadata": {"character_url": uploads[clip]},
        },
        {"model": "sora-2", "timestamps": "1,3", "url": uploads[clip]},
        {"model": "wan9", "prompt": "A dog", "metadata": {"masks": [{"a": uploads[image]}]}},
    ]


@pytest.mark.parametrize(
    ("request_", "place"),
    [
        (VideoRequest(prompt="A dog", image_urls=[reference("1" * 64)]), "image_urls[0]"),
        (CharacterRequest(url=reference("1" * 64), timestamps="1,3"), "url"),
        (VideoRequest(model="wan9", prompt="A dog", extra={"a": reference("1" * 64)}), "a"),
    ],
)
async def test_a_reference_that_was_not_uploaded_is_not_sent(
    simulator: Simulator, client: ToAPIsClient, request_: Request, place: str
) -> None:
    with pytest.raises(InvalidRequest, match="upload the file first") as raised:
        await client.submit(request_, uploads={reference("2" * 64): DOG_URL})
    (fault,) = raised.value.faults
    assert fault.startswith(f"{place}='sha256:1111")
    assert simulator.ledger.submissions == []


@pytest.mark.parametrize(
    "fault",
    [
        Drop(operation="upload", times=2),
        Drop(operation="upload", when="after", times=2),
        Replace(operation="upload", status=502, body="<html>Bad Gateway</html>", times=2),
        Replace(operation="upload", status=503, body=LIMITER_DOWN, times=2),
        Replace(operation="upload", status=200, body="<html>Welcome</html>", times=2),
        Replace(operation="upload", status=200, body='{"success": true, "data": {}}', times=2),
    ],
    ids=["dropped", "reply lost", "502", "503", "html with 200", "no URL"],
)
async def test_an_upload_is_tried_again_with_the_whole_file(
    simulator: Simulator, client: ToAPIsClient, fault: Fault, tmp_path: Path
) -> None:
    path = tmp_path / "cat.gif"
    path.write_bytes(GIF)
    simulator.faults.add(fault)
    with path.open("rb") as file:
        file.seek(7)  # wherever it stood
        await client.upload(file, path.name, "image")
    assert {upload.sha256 for upload in simulator.ledger.uploads} == {
        hashlib.sha256(GIF).hexdigest()
    }


async def test_a_spooled_file_is_uploaded(simulator: Simulator, client: ToAPIsClient) -> None:
    with tempfile.SpooledTemporaryFile(max_size=1024) as file:
        file.write(GIF)
        await client.upload(file, "cat.gif", "image")
    assert [upload.size for upload in simulator.ledger.uploads] == [len(GIF)]


@pytest.mark.parametrize(
    ("kind", "content", "fault"),
    [
        ("image", b"", "cat: it is empty"),
        ("image", MP4, "cat: it is not a supported image type: JPEG, PNG, WebP or GIF"),
        ("video", GIF, "cat: it is not a supported video type: MP4, WebM or MOV"),
        (
            *("image", GIF + bytes(10 * 1024 * 1024)),
            "cat: 11.0 MB exceeds the 10 MB limit for images",
        ),
    ],
)
async def test_what_the_api_doesn_t_take_is_not_uploaded(
    simulator: Simulator, client: ToAPIsClient, kind: Kind, content: bytes, fault: str
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await client.upload(content, "cat", kind)
    assert raised.value.faults == [fault]
    assert simulator.ledger.uploads == []


@pytest.mark.parametrize("status", [200, 400, 413])
async def test_a_refused_upload_tells_the_provider_s_reason(
    simulator: Simulator, client: ToAPIsClient, status: int
) -> None:
    body = '{"success": false, "message": "Image too large. Maximum size is 10MB"}'
    simulator.faults.add(Replace(operation="upload", status=status, body=body))
    with pytest.raises(BadRequest, match="Image too large") as raised:
        await client.upload(GIF, "cat.gif", "image")
    assert raised.value.http_status == status


# Balance and models


async def test_the_balance_is_what_is_left(client: ToAPIsClient) -> None:
    balance = await client.balance()
    assert (balance.unlimited, balance.remain_credits) == (True, None)


async def test_the_balance_follows_what_is_bought() -> None:
    settings = SimulatorSettings(balance_credits=100, price_credits=20)
    with Simulator(settings) as simulator:
        async with ToAPIsClient(SecretStr(simulator.api_key), simulator.url) as client:
            await client.submit(DOG)
            for balance in (await client.balance(), await client.account_balance()):
                assert (balance.remain_credits, balance.used_credits) == (80, 20)
                assert (balance.remain_balance, balance.credits_per_usd) == (0.4, 200)
                assert not balance.unlimited


@pytest.mark.parametrize("name", ["balance", "account_balance", "models"])
async def test_a_key_that_the_api_does_not_know_is_unauthorized(
    simulator: Simulator, name: str
) -> None:
    async with ToAPIsClient(SecretStr("another-key"), simulator.url) as client:
        call: Callable[[], Awaitable[Any]] = getattr(client, name)
        with pytest.raises(Unauthorized):
            await call()


async def test_the_models_are_names(simulator: Simulator, client: ToAPIsClient) -> None:
    assert {"sora-2", "sora-2-pro", "sora-2-vip"} <= set(await client.models())


@pytest.mark.parametrize(
    "fault",
    [
        Drop(operation="balance", times=2),
        Replace(operation="balance", status=500, body="{}", times=2),
        Replace(operation="balance", status=200, body="<html>Welcome</html>", times=2),
    ],
)
async def test_a_balance_is_asked_for_until_it_is_told(
    simulator: Simulator, client: ToAPIsClient, fault: Fault
) -> None:
    simulator.faults.add(fault)
    assert (await client.balance()).unlimited


NO = '{"success": false, "message": "No such key"}'


@pytest.mark.parametrize(
    ("answer", "on_success_false", "kind"),
    [
        (Answer(200, NO), Unauthorized, Unauthorized),
        (Answer(200, NO), BadRequest, BadRequest),
        (Answer(200, NO), None, UnreadableReply),
        (Answer(401, NO), BadRequest, Unauthorized),
        (Answer(400, NO), Unauthorized, BadRequest),
        (Answer(500, NO), Unauthorized, Unavailable),
        (Answer(200, '{"error": "Down"}'), Unauthorized, UnreadableReply),
        (Answer(302, NO), Unauthorized, UnreadableReply),
        (Answer(200, "[]"), Unauthorized, UnreadableReply),
        (httpx.ReadTimeout("slow"), Unauthorized, Unavailable),
    ],
)
def test_what_success_false_means_depends_on_the_question(
    answer: Answer | Exception, on_success_false: Any, kind: type[ToAPIsError]
) -> None:
    assert type(query_result(answer, read_models, on_success_false)) is kind


def test_an_empty_list_is_an_answer() -> None:
    assert query_result(Answer(200, '{"data": []}'), read_models) == []
