"""Every record in the bucket is either understood or a `StoreError`: no other exception."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.security.tally import INPUTS

from prefect_toapis.errors import StoreError
from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.spec import BatchSpec, Scene
from prefect_toapis.records.attempts import may_be_paid, next_step, read_attempt
from prefect_toapis.records.characters import read_made
from prefect_toapis.records.plan_file import PlanFile, read_plan
from prefect_toapis.records.store import Entry
from prefect_toapis.records.stored_shots import read_stored
from prefect_toapis.records.uploads import find_upload
from prefect_toapis.reports.artifacts import shot_table
from prefect_toapis.reports.gallery import gallery_html
from prefect_toapis.reports.manifest_rows import build_manifest

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


class Bucket:
    """A store that holds one content under every key."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    async def read(self, key: str) -> bytes | None:
        return self.content if key else None

    async def write(self, key: str, content: bytes, content_type: str) -> None:
        raise NotImplementedError

    async def create(self, key: str, content: bytes, content_type: str) -> bool:
        raise NotImplementedError

    async def list_keys(self, prefix: str) -> list[str]:
        return [prefix]

    async def list_entries(self, prefix: str) -> dict[str, Entry]:
        return {prefix: Entry(len(self.content), NOW)}

    def uri(self, key: str = "") -> str:
        return f"s3://videos/{key}"


SHOT = plan_batch(BatchSpec(scenes=[Scene(prompt="A dog")]), "b", "s3://videos").shots[0]
UPLOAD = f"sha256:{'ab' * 32}"
RECORDS: dict[str, dict[str, Any]] = {
    "attempt": {
        "version": 1,
        "shot_id": SHOT.shot_id,
        "attempt": 1,
        "business_id": SHOT.business_id(1),
        "state": "accepted",
        "request": {"model": "sora-2", "prompt": "A dog"},
        "sent_at": "2026-11-22T11:00:00Z",
        "sends": 1,
        "task_id": "video_1",
    },
    "plan": json.loads(PlanFile(batch="b", destination="s3://videos", shots=[SHOT]).to_json()),
    "shot": {
        "version": 1,
        "shot": SHOT.model_dump(mode="json"),
        "task_id": "video_1",
        "business_id": SHOT.business_id(1),
        "attempt": 1,
        "submitted_at": "2026-11-22T11:00:00Z",
        "stored_at": "2026-11-22T11:05:00Z",
        "videos": [
            {
                "output": 1,
                "key": f"{SHOT.folder}/video-1.mp4",
                "uri": f"s3://videos/{SHOT.folder}/video-1.mp4",
                "size": 7,
                "sha256": "ab" * 32,
                "content_type": "video/mp4",
            }
        ],
    },
    "character": {
        "version": 1,
        "name": "Turbo",
        "username": "a.turbo",
        "url": "https://m.example/clip.mp4",
        "timestamps": "1,3",
        "model": "sora-2",
        "task_id": "video_1",
        "business_id": "pt-1",
        "made_at": "2026-11-22T11:05:00Z",
    },
    "upload": {
        "version": 1,
        "reference": UPLOAD,
        "url": "https://files.example/a.png",
        "name": "a.png",
        "uploaded_at": "2026-11-22T11:05:00Z",
    },
}


def use_attempt(content: bytes) -> object:
    found = read_attempt(content, "b/dog/attempt-1.json", "s3://videos/b/dog/attempt-1.json")
    next_step(found, "transient")
    may_be_paid(found)
    return found


def use_shot(content: bytes) -> object:
    key = f"{SHOT.folder}/shot.json"
    found = read_stored(content, key, f"s3://videos/{key}")
    manifest = build_manifest("b", "s3://videos/b", [SHOT], [found], {})
    gallery_html(manifest).encode()
    manifest.to_jsonl()
    shot_table(manifest)
    return found


USES: dict[str, Callable[[bytes], object]] = {
    "attempt": use_attempt,
    "plan": lambda content: read_plan(content, "b/plan.json", "s3://videos/b/plan.json").to_json(),
    "shot": use_shot,
    "character": lambda content: asyncio.run(read_made("characters/x", Bucket(content))),
    "upload": lambda content: asyncio.run(find_upload(UPLOAD, Bucket(content), NOW)),
}
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        [
            10**400,
            -1,
            2**63,
            "\0",
            "\ud800",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59Z",
            "2026-11-22T11:00:00",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@st.composite
def damaged(draw: st.DrawFn, record: dict[str, Any]) -> bytes:
    """A record with some of its values, at any depth, replaced, or with bytes that are lost."""
    changed = json.loads(json.dumps(record))
    for _ in range(draw(st.integers(0, 3))):
        place = changed
        while True:
            step = draw(
                st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place)))
            )
            if isinstance(place[step], (dict, list)) and place[step] and draw(st.booleans()):
                place = place[step]
                continue
            place[step] = draw(ODD)
            break
    content = json.dumps(changed).encode()
    return (
        content[: draw(st.integers(0, len(content)))] if draw(st.integers(0, 5)) == 0 else content
    )


@pytest.mark.parametrize("kind", RECORDS)
@settings(deadline=None)
@given(st.data())
def test_any_record_is_understood_or_a_store_error(kind: str, data: st.DataObject) -> None:
    INPUTS["records"] += 1
    content = data.draw(damaged(RECORDS[kind]) | st.binary(max_size=40))
    with contextlib.suppress(StoreError):
        USES[kind](content)


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_as_it_is_written_is_understood(kind: str) -> None:
    USES[kind](json.dumps(RECORDS[kind]).encode())


ENDLESS = [b"[" * 100_000, b'{"a":' * 100_000, b'{"request": ' + b"[" * 99_999]


@pytest.mark.parametrize("kind", RECORDS)
@pytest.mark.parametrize("content", ENDLESS, ids=["lists", "objects", "a request"])
def test_a_record_that_is_nested_without_end_is_nothing_or_a_store_error(
    kind: str, content: bytes
) -> None:
    with contextlib.suppress(StoreError):
        assert USES[kind](content) is None, "what can be made anew is as if it weren't there"
