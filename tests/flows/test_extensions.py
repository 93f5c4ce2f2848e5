"""Extensions of finished videos: bought once, like remixes."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from prefect_toapis import (
    CreationUnresolved,
    ExtendRequest,
    InvalidBatch,
    InvalidRequest,
    RunSettings,
    Scene,
    ToAPIsCredentials,
    Variant,
    VideoBucket,
    VideoRequest,
    aextend_video,
    apoll_video,
    asubmit_video,
)
from prefect_toapis.simulator import Drop, Simulator

Make = Callable[..., Awaitable[Any]]

GROK = Variant(name="grok", model="grok-video-1.0", duration=1)


async def test_a_scene_extends_a_shot_of_an_earlier_batch_once(
    make: Make, simulator: Simulator
) -> None:
    first = await make([Scene(name="dog", prompt="A dog runs")], variants=[GROK], batch="first")
    task = first.rows[0].task_id
    longer = Scene(name="jump", prompt="It jumps", extends="first/dog / grok")
    plain = Variant(name="grok", model="grok-video-1.0")
    manifest = await make([longer], variants=[plain])
    again = await make([longer.model_copy(update={"extends": task})], variants=[plain])
    submission = simulator.ledger.submissions[-1]
    assert (submission.kind, submission.extend_of) == ("extend", task)
    assert submission.body["prompt"] == "It jumps"
    assert len(simulator.ledger.paid) == 2
    for row in (*manifest.rows, *again.rows):
        assert (row.status, row.request) == ("stored", {"extends": task})


async def test_what_an_extension_can_t_have_is_a_fault(make: Make, simulator: Simulator) -> None:
    scene = Scene(name="jump", prompt="It jumps", extends="video_1")
    with pytest.raises(InvalidBatch, match="sora-2: it extends no videos; use grok-video-1"):
        await make([scene], variants=[Variant(name="s")])
    with pytest.raises(InvalidBatch, match="aspect_ratio, duration: not allowed in an extension"):
        await make(
            [scene], variants=[Variant(model="grok-video-1.0", duration=1, aspect_ratio="16:9")]
        )
    both = scene.model_copy(update={"remix_of": "video_2"})
    with pytest.raises(InvalidBatch, match="give either remix_of or extends, not both"):
        await make([both], variants=[Variant(model="grok-video-1.0")])
    with pytest.raises(InvalidBatch, match="extends: there is no s3://"):
        await make([scene.model_copy(update={"extends": "nowhere/dog"})])
    assert simulator.ledger.submissions == []


async def test_the_task_extends_a_video_once_and_never_resends_it(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    blocks: Any = {"credentials": credentials, "bucket": bucket, "settings": quick}
    dog = VideoRequest(prompt="A dog", model="grok-video-1.0", duration=1)
    video = await apoll_video(await asubmit_video(dog, **blocks), **blocks)
    request = ExtendRequest(task_id=video.task_id, model="grok-video-1.0", prompt="It jumps")
    bought = await aextend_video(request, **blocks)
    assert (await aextend_video(request, **blocks)).task_id == bought.task_id
    assert len(simulator.ledger.paid) == 2
    with pytest.raises(InvalidRequest, match="it extends no videos"):
        await aextend_video(request.model_copy(update={"model": "sora-2"}), **blocks)
    simulator.faults.add(Drop(operation="extend", when="after"))
    lost = request.model_copy(update={"prompt": "It sits"})
    for _ in range(2):
        with pytest.raises(CreationUnresolved):
            await aextend_video(lost, **blocks)
    assert len(simulator.ledger.paid) == 3
