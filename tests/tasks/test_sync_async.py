"""The same tasks and flows in async code, by `await`, and in sync code, in one natural line."""

import asyncio
import inspect
from typing import Any

import pytest
from prefect import Flow, Task, flow, unmapped

import prefect_toapis
from prefect_toapis import (
    Generation,
    RunSettings,
    StoredVideo,
    ToAPIsCredentials,
    VideoBucket,
    VideoRequest,
    adownload_video,
    apoll_video,
    asubmit_video,
    download_video,
    generate_videos,
    poll_video,
    submit_video,
)
from prefect_toapis.simulator import Simulator

DOG = VideoRequest(prompt="A dog", model="sora-2-vip", duration=1)


def test_a_sync_flow_calls_each_task_and_a_flow_in_one_line(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    @flow
    def ours() -> list[str]:
        generation = submit_video(DOG, credentials=credentials, bucket=bucket, settings=quick)
        generation = poll_video(generation, credentials=credentials, settings=quick)
        videos = download_video(generation, credentials=credentials, bucket=bucket, settings=quick)
        again = generate_videos(
            ["A cat"], batch="cats", credentials=credentials, bucket=bucket, settings=quick
        )
        return [video.key for video in videos] + [row.key for row in again.stored if row.key]

    keys = ours()
    assert len(keys) == len(simulator.ledger.paid) == 2
    assert all(bucket.head(key) for key in keys)


async def test_an_async_flow_awaits_them(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    @flow
    async def theirs() -> list[StoredVideo]:
        generation = await asubmit_video(
            DOG, credentials=credentials, bucket=bucket, settings=quick
        )
        generation = await apoll_video(generation, credentials=credentials, settings=quick)
        videos: list[StoredVideo] = await adownload_video(
            generation, credentials=credentials, bucket=bucket, settings=quick
        )
        return videos

    assert len(await theirs()) == 1
    assert len(simulator.ledger.paid) == 1


async def test_a_sync_flow_may_be_called_where_a_loop_is_running(
    simulator: Simulator, credentials: ToAPIsCredentials, quick: RunSettings
) -> None:
    @flow
    def ours() -> str:
        task_id: str = submit_video(DOG, credentials=credentials, settings=quick).task_id
        return task_id

    assert asyncio.get_running_loop().is_running()
    assert ours() == simulator.ledger.paid[0].task_id


def test_options_make_no_difference_to_how_a_task_or_flow_is_called(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    submit = submit_video.with_options(retries=0)
    generate = generate_videos.with_options(name="ours")

    @flow
    def ours() -> str:
        task_id: str = submit(DOG, credentials=credentials, settings=quick).task_id
        return task_id

    assert ours() == simulator.ledger.paid[0].task_id
    plan = generate(["A cat"], credentials=credentials, bucket=bucket, settings=quick, dry_run=True)
    assert plan.shots("planned") == 1


def test_a_script_without_a_flow_calls_the_flow_in_one_line(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    manifest = generate_videos(
        ["A cat"], batch="cats", credentials=credentials, bucket=bucket, settings=quick
    )
    assert len(manifest.stored) == len(simulator.ledger.paid) == 1


async def test_code_without_a_flow_awaits_a_task(
    simulator: Simulator, credentials: ToAPIsCredentials, quick: RunSettings
) -> None:
    generation = await asubmit_video(DOG, credentials=credentials, settings=quick)
    assert generation.task_id == simulator.ledger.paid[0].task_id


async def test_async_code_may_await_what_the_sync_name_returns(
    simulator: Simulator, credentials: ToAPIsCredentials, quick: RunSettings
) -> None:
    work: Any = submit_video.with_options(retries=0)(DOG, credentials=credentials, settings=quick)
    assert inspect.iscoroutine(work)
    assert (await work).task_id == simulator.ledger.paid[0].task_id


NAMES = [name for name in dir(prefect_toapis) if f"a{name}" in dir(prefect_toapis)]


@pytest.mark.parametrize("name", NAMES)
def test_both_names_are_one_task_or_flow(name: str) -> None:
    ours, theirs = getattr(prefect_toapis, name), getattr(prefect_toapis, f"a{name}")
    assert isinstance(ours, Task | Flow)
    assert isinstance(ours, Task) == isinstance(theirs, Task)
    assert ours.fn is theirs.fn
    assert ours.name.replace("-", "_") == theirs.name.replace("-", "_") == name
    assert ours.on_failure_hooks is theirs.on_failure_hooks
    assert ours.with_options(name="b").name == "b"
    assert type(ours.with_options(name="b")) is type(ours)
    assert type(theirs.with_options(name="b")) is type(theirs)


def test_a_task_is_submitted_and_mapped_from_a_sync_flow(
    simulator: Simulator, credentials: ToAPIsCredentials, quick: RunSettings
) -> None:
    @flow
    def ours() -> list[Generation]:
        shared: dict[str, Any] = {"credentials": unmapped(credentials), "settings": unmapped(quick)}
        mapped = submit_video.map([DOG, DOG], **shared)
        future = submit_video.submit(DOG, credentials=credentials, settings=quick)
        return [future.result(), *mapped.result()]

    assert len({one.task_id for one in ours()}) == len(simulator.ledger.paid) == 3
