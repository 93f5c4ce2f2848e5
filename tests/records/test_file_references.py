"""Files in a batch: found, replaced by references, and remembered once they are uploaded."""

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from prefect_toapis.client.errors import InvalidRequest
from prefect_toapis.client.references import reference
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.planning.file_references import (
    File,
    Place,
    files_in,
    resolve_relative_paths,
    with_references,
)
from prefect_toapis.planning.plan import plan_batch, single_shot
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.records.layout import upload_key
from prefect_toapis.records.uploads import Upload, find_upload, remember

if TYPE_CHECKING:
    from tests.records.conftest import Purchase

SENT = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
A, B = reference("ab" * 32), reference("cd" * 32)
TOLD: dict[str, Any] = {
    "scenes": [
        {"name": "tram", "prompt": "Ride", "image_urls": ["a.png", "https://m.example/b.png"]},
        {"name": "stop", "prompt": "Wait", "image_urls": ["a.png"], "character_url": "s3://m/c"},
        {"name": "role", "prompt": "Run", "character_url": "{character}"},
        {"name": "task", "prompt": "Run", "character_url": "video_7497"},
    ],
    "characters": [
        {"name": "Duke", "url": "~/duke.mp4", "timestamps": "1,3"},
        {"name": "Cat", "username": "a.cat"},
    ],
}


def test_files_are_found_once_with_all_that_name_them() -> None:
    assert files_in(BatchSpec.model_validate(TOLD)) == {
        File("a.png", "image"): [Place('scene "tram"'), Place('scene "stop"')],
        File("s3://m/c", "video"): [Place('scene "stop"')],
        File("~/duke.mp4", "video"): [Place('character "Duke"')],
    }


def test_references_take_the_place_of_files_and_of_nothing_else() -> None:
    found = {File("a.png", "image"): A, File("~/duke.mp4", "video"): B}
    spec = with_references(BatchSpec.model_validate(TOLD), found)
    assert spec.scenes[0].image_urls == [A, "https://m.example/b.png"]
    assert [one.character_url for one in spec.scenes[1:]] == [
        "s3://m/c",
        "{character}",
        "video_7497",
    ]
    assert [one.url for one in spec.characters] == [B, None]


@pytest.mark.parametrize(
    ("folder", "path", "meant"),
    [
        ("", "a.png", "a.png"),
        ("specs", "./a.png", "specs/a.png"),
        ("/specs", "../a.png", "/a.png"),
        ("s3://studio/specs", "refs/a.png", "s3://studio/specs/refs/a.png"),
        ("s3://studio/specs", "s3://other/a.png", "s3://other/a.png"),
        ("specs", "/media/a.png", "/media/a.png"),
        ("specs", "~/a.png", "~/a.png"),
        ("specs", "https://m.example/a.png", "https://m.example/a.png"),
    ],
)
def test_relative_paths_are_meant_from_where_the_spec_lies(
    folder: str, path: str, meant: str
) -> None:
    spec = BatchSpec.model_validate({"scenes": [{"prompt": "Ride", "image_urls": [path]}]})
    assert resolve_relative_paths(spec, folder).scenes[0].image_urls == [meant]


def test_a_shot_is_known_by_the_content_of_its_files() -> None:
    def shot_of(content: str) -> str:
        told = {"scenes": [{"prompt": "Ride", "image_urls": [content]}]}
        plan = plan_batch(BatchSpec.model_validate(told), "b", "s3://videos")
        assert plan.faults == []
        return plan.shots[0].shot_id

    assert shot_of(A) == shot_of(A)
    assert shot_of(A) != shot_of(B)


async def test_the_url_of_an_upload_is_sent_and_the_reference_is_recorded(
    purchase: "Purchase",
) -> None:
    request = VideoRequest(prompt="Ride", image_urls=[A])
    purchase.shot = single_shot(request, "s3://videos")
    url = "https://m.example/uploaded.png"
    upload = Upload(reference=A, url=url, name="a.png", uploaded_at=SENT)
    await remember(upload, purchase.store)
    assert url not in repr(upload)
    await purchase.buyer().buy(purchase.shot)
    (paid,) = purchase.simulator.ledger.paid
    assert paid.body["image_urls"] == [url]
    assert purchase.record()["request"]["image_urls"] == [A]


@pytest.mark.parametrize("age", [None, timedelta(hours=24)], ids=["never", "long ago"])
async def test_what_is_not_uploaded_now_is_not_sent_and_not_recorded(
    purchase: "Purchase", age: timedelta | None
) -> None:
    purchase.shot = single_shot(VideoRequest(prompt="Ride", image_urls=[A]), "s3://videos")
    if age:
        old = Upload(reference=A, url="https://m.example/a", name="a", uploaded_at=SENT - age)
        await remember(old, purchase.store)
    with pytest.raises(InvalidRequest, match="no file of this content was uploaded"):
        await purchase.buyer().buy(purchase.shot)
    assert purchase.sent == 0
    assert purchase.key() not in purchase.store.contents


@pytest.mark.parametrize(
    "damage",
    [
        {"url": "javascript:alert(1)"},
        {"url": "https://user:secret@files.example/a.png"},
        {"reference": B},
        {"uploaded_at": "2026-11-22T12:00:00"},
        {"uploaded_at": "9999-12-31T23:59:59Z"},
        {"uploaded_at": (SENT + timedelta(hours=1)).isoformat()},
    ],
)
async def test_a_damaged_upload_counts_as_none(
    purchase: "Purchase", damage: dict[str, str]
) -> None:
    good = {"reference": A, "url": "https://files.example/a.png", "name": "a.png"}
    good |= {"uploaded_at": SENT.isoformat()}
    purchase.store.contents[upload_key(A)] = json.dumps(good).encode()
    assert await find_upload(A, purchase.store, SENT)
    purchase.store.contents[upload_key(A)] = json.dumps(good | damage).encode()
    assert await find_upload(A, purchase.store, SENT) is None
    purchase.store.contents[upload_key(A)] = b"{"
    assert await find_upload(A, purchase.store, SENT) is None
