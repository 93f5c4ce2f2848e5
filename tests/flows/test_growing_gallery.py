"""The gallery of a batch while it is made."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable

import pytest
from prefect import flow
from tests.flows.test_shown_batches import artifacts, only_artifact

from prefect_toapis import Manifest, RunSettings, ToAPIsCredentials, Variant, VideoBucket
from prefect_toapis.flows.generate import make_batch
from prefect_toapis.flows.growing_gallery import _Updates
from prefect_toapis.flows.progress import Progress
from prefect_toapis.planning.settings import LimitSettings
from prefect_toapis.planning.spec import BatchSpec

Make = Callable[..., Awaitable[Manifest]]


@pytest.mark.parametrize(
    ("shots", "earlier", "at", "stored", "now", "due"),
    [
        (4, 0, None, 0, 1000, False),  # nothing to show
        (4, 0, None, 1, 0, True),  # the first video at once
        (4, 1, 0, 2, 29, False),
        (4, 1, 0, 2, 30, True),
        (4, 2, 0, 2, 1000, False),  # nothing new
        (1000, 0, None, 99, 1000, False),
        (1000, 0, None, 100, 0, True),  # a tenth
        (1000, 900, 0, 999, 1000, False),
    ],
)
def test_when_it_is_shown_again(
    shots: int, earlier: int, at: float | None, stored: int, now: float, due: bool
) -> None:
    assert _Updates(shots, earlier, at).is_due(stored, now) is due


def test_a_batch_of_any_size_is_shown_ten_times_at_most() -> None:
    for shots in (1, 9, 10, 11, 95, 5000):
        updates, shown = _Updates(shots, 0), 0
        for stored in range(shots + 1):
            now = stored * 60.0
            if updates.is_due(stored, now):
                updates, shown = _Updates(shots, stored, now), shown + 1
        assert 1 <= shown <= 10


async def test_page_and_artifact_grow_while_videos_arrive(
    credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    one_by_one = quick.model_copy(update={"limits": LimitSettings(max_in_flight=1)})
    variant = Variant(name="short", model="sora-2-vip", duration=1)
    spec = BatchSpec(
        scenes=[f"dog {number}" for number in range(8)],
        variants=[variant],
        batch="growing",
        settings=one_by_one,
    )

    @flow
    async def grow() -> Manifest:
        fast = Progress(clock=lambda: time.monotonic() * 100)  # half a minute in 0.3 seconds
        return await make_batch(spec, credentials, bucket, fast, "download")

    run = asyncio.create_task(grow())
    seen: list[int] = []
    texts: list[str] = []
    while not run.done():
        if page := await asyncio.to_thread(bucket.read, "growing/index.html"):
            seen.append(len(re.findall(r'"status":"stored"', page.decode())))
        texts += [str(one.data) for one in await artifacts("gallery-growing")]
        await asyncio.sleep(0.1)
    manifest = await run
    assert len(manifest.stored) == 8
    assert any(0 < stored < 8 for stored in seen)
    assert seen == sorted(seen)
    assert any("Still running: " in text for text in texts)
    gallery = await only_artifact("gallery-growing")  # replaced, not added
    assert gallery.description == "8 of 8 shots stored"
    assert "Still running" not in str(gallery.data)
