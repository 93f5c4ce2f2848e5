"""Uploads: what is taken, what is refused, and where it lies."""

import hashlib
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from prefect_toapis.simulator import Drop, Replace, Simulator, SimulatorSettings, Upload
from prefect_toapis.simulator.refusals import Refusal
from prefect_toapis.simulator.uploads import RULES, file_type

IMAGES, VIDEOS = "/v1/uploads/images", "/v1/uploads/videos"
PNG = b"\x89PNG\r\n\x1a\n and so on"
MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"
CONTENTS = [
    ("image", b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg", "jpg"),
    ("image", PNG, "image/png", "png"),
    ("image", b"RIFF\x0a\x0d\x00\x00WEBPVP8 ", "image/webp", "webp"),
    ("image", b"GIF89a...", "image/gif", "gif"),
    ("image", b"GIF87a...", "image/gif", "gif"),
    ("video", MP4, "video/mp4", "mp4"),
    ("video", b"\x00\x00\x00\x18ftypmp42", "video/mp4", "mp4"),
    ("video", b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", "video/webm", "webm"),
    ("video", b"\x00\x00\x00\x14ftypqt  ", "video/quicktime", "mov"),
]


@pytest.mark.parametrize(("kind", "content", "mime_type", "suffix"), CONTENTS)
def test_a_file_is_what_its_content_says(
    kind: Any, content: bytes, mime_type: str, suffix: str
) -> None:
    found = file_type(kind, content)
    assert (found.mime_type, found.suffix) == (mime_type, suffix)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        *(("video" if kind == "image" else "image", content) for kind, content, *_ in CONTENTS),
        ("image", b""),
        ("image", b" " + PNG),
        ("image", b"<svg></svg>"),
        ("video", b"\x00\x00\x00\x18ftypheic"),
        ("video", b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x88matroska"),
    ],
)
def test_anything_else_is_refused(kind: Any, content: bytes) -> None:
    with pytest.raises(Refusal, match=f"Unsupported {kind} type"):
        file_type(kind, content)


@pytest.mark.parametrize(("kind", "start", "megabytes"), [("image", PNG, 10), ("video", MP4, 50)])
def test_a_file_may_be_as_large_as_the_limit(kind: Any, start: bytes, megabytes: int) -> None:
    full = start.ljust(megabytes * 1024 * 1024)
    assert file_type(kind, full) in RULES[kind].types
    with pytest.raises(Refusal) as refused:
        file_type(kind, full + b" ")
    assert str(refused.value) == f"{kind.capitalize()} too large. Maximum size is {megabytes}MB"


@pytest.mark.parametrize(
    ("path", "content", "kind", "mime_type"),
    [(IMAGES, PNG, "image", "image/png"), (VIDEOS, MP4, "video", "video/mp4")],
)
def test_an_upload_is_answered_as_documented_and_served(
    swift: Simulator,
    swift_api: httpx.Client,
    path: str,
    content: bytes,
    kind: Any,
    mime_type: str,
) -> None:
    form = {"purpose": "generation"}
    reply = swift_api.post(path, files={"file": ("my file.bin", content)}, data=form)
    shown = reply.json()
    data = shown.pop("data")
    assert (reply.status_code, shown) == (200, {"success": True, "message": ""})
    assert data.pop("id").startswith("upload_")
    url = data.pop("url")
    assert data == {"mime_type": mime_type, "size": len(content)}
    served = httpx.get(url)
    assert (served.content, served.headers["Content-Type"]) == (content, mime_type)
    digest = hashlib.sha256(content).hexdigest()
    assert swift.ledger.uploads == [Upload(kind, "my file.bin", len(content), digest, url)]
    assert swift.ledger.downloads == {urlsplit(url).path: 1}
    assert swift.ledger.leaked_keys == 0
    assert httpx.get(f"{swift.url}/_simulator/ledger").json() == swift.ledger.as_json()


def test_an_upload_can_be_given_as_a_reference(swift: Simulator, swift_api: httpx.Client) -> None:
    image = swift_api.post(IMAGES, files={"file": PNG}).json()["data"]["url"]
    clip = swift_api.post(VIDEOS, files={"file": MP4}).json()["data"]["url"]
    video = {"prompt": "A dog", "image_urls": [image]}
    taken_from = {"prompt": "A dog", "metadata": {"character_url": clip}}
    character = {"timestamps": "1,3", "url": clip}
    for body in (video, taken_from, character):
        assert swift_api.post("/v1/videos/generations", json=body).status_code == 200
    assert [submission.body for submission in swift.ledger.paid] == [video, taken_from, character]


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "A dog", "image_urls": [f"sha256:{'ab' * 32}"]},
        {"prompt": "A dog", "metadata": {"character_url": f"sha256:{'ab' * 32}"}},
        {"prompt": "A dog", "model": "wan9", "masks": [{"url": f"sha256:{'ab' * 32}"}]},
        {"timestamps": "1,3", "url": f"sha256:{'ab' * 32}"},
    ],
    ids=str,
)
def test_what_stands_for_a_file_elsewhere_is_no_url_here(
    swift: Simulator, swift_api: httpx.Client, fields: dict[str, Any]
) -> None:
    reply = swift_api.post("/v1/videos/generations", json=fields)
    assert (reply.status_code, swift.ledger.paid) == (400, [])
    assert "not a URL" in reply.json()["error"]["message"]


def test_no_other_file_of_this_machine_can_be_given(swift_api: httpx.Client) -> None:
    body = {"timestamps": "1,3", "url": "http://127.0.0.1:9/uploads/1/1_abc.mp4"}
    assert swift_api.post("/v1/videos/generations", json=body).status_code == 400


def test_each_upload_has_a_url_of_its_own(swift_api: httpx.Client) -> None:
    replies = [swift_api.post(IMAGES, files={"file": PNG}).json() for _ in range(2)]
    assert len({reply["data"]["url"] for reply in replies}) == 2


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"files": {"file": ("a.png", b"<html>")}}, "Unsupported image type"),
        ({"files": {"image": ("a.png", PNG)}}, "No file"),
        ({"data": {"file": "a.png"}}, "No file"),
        ({"content": PNG, "headers": {"Content-Type": "image/png"}}, "No file"),
        ({"json": {"file": "a.png"}}, "No file"),
        ({}, "No file"),
    ],
    ids=["content", "field", "text", "raw", "json", "nothing"],
)
def test_a_refusal_says_why(
    swift: Simulator, swift_api: httpx.Client, sent: dict[str, Any], message: str
) -> None:
    reply = swift_api.post(IMAGES, **sent)
    shown = reply.json()
    assert reply.status_code == 400
    assert shown.pop("message").startswith(message)
    assert shown == {"success": False}
    assert swift.ledger.uploads == []


def test_an_image_over_the_limit_is_refused_over_http(swift_api: httpx.Client) -> None:
    reply = swift_api.post(IMAGES, files={"file": PNG.ljust(10 * 1024 * 1024 + 1)})
    message = "Image too large. Maximum size is 10MB"
    assert (reply.status_code, reply.json()) == (400, {"success": False, "message": message})


def test_refuses_whom_it_does_not_know(swift: Simulator) -> None:
    reply = httpx.post(swift.url + IMAGES, files={"file": PNG})
    assert (reply.status_code, reply.json()["success"]) == (401, False)
    assert swift.ledger.unauthorized == 1


def test_does_not_serve_what_was_never_uploaded(swift: Simulator) -> None:
    assert httpx.get(f"{swift.media_url}/uploads/1/1_abc.jpg").status_code == 404


@pytest.mark.parametrize(("when", "uploads"), [("before", 0), ("after", 1)])
def test_faults_meet_uploads(
    swift: Simulator, swift_api: httpx.Client, when: Any, uploads: int
) -> None:
    swift.faults.add(Drop(operation="upload", when=when))
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        swift_api.post(IMAGES, files={"file": PNG})
    assert len(swift.ledger.uploads) == uploads
    swift.faults.add(Replace(operation="upload", status=500))
    assert swift_api.post(IMAGES, files={"file": PNG}).status_code == 500


@pytest.mark.parametrize("settings", [SimulatorSettings()])
def test_counts_as_neither_submission_nor_query(swift_api: httpx.Client) -> None:
    reply = swift_api.post(IMAGES, files={"file": PNG})
    assert not any(name.lower().startswith("x-ratelimit") for name in reply.headers)
