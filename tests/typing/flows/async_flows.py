"""Async flows of a user: what their calls return, and mistakes in them."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from prefect import flow
from prefect.futures import PrefectFuture
from typing_extensions import assert_type

from prefect_toapis import (
    Generation,
    Manifest,
    RemixRequest,
    StoredVideo,
    ToAPIsCredentials,
    VideoBucket,
    VideoRequest,
    adownload_video,
    agenerate_videos,
    aget_balance,
    apoll_video,
    areconcile_batch,
    aremix_video,
    asubmit_video,
    aupload_image,
    generate_videos,
    submit_video,
)


@flow
async def adverts(prompts: list[str], bucket: VideoBucket) -> list[str]:
    manifest = await agenerate_videos(prompts, bucket=bucket)
    assert_type(manifest, Manifest)
    await agenerate_videos(secnes=["a"], bucket=7)  # error
    await agenerate_videos(prompts, variants="wide")  # error
    await generate_videos(prompts)  # error
    print(agenerate_videos(prompts).stored)  # error
    assert_type(await areconcile_batch("lisbon"), Manifest)
    return [row.uri for row in manifest.stored if row.uri]


@flow
async def one_video(
    request: VideoRequest, credentials: ToAPIsCredentials, bucket: VideoBucket
) -> list[StoredVideo]:
    work = asubmit_video(request, credentials=credentials, bucket=bucket)
    done = await assert_type(work, Coroutine[Any, Any, Generation])
    generation = await apoll_video(done, credentials=credentials, bucket=bucket)
    remix = RemixRequest(task_id=generation.task_id, prompt="at night")
    assert_type(await aremix_video(remix, credentials=credentials, bucket=bucket), Generation)
    assert_type(await aupload_image("a.png", credentials=credentials), str)
    await aupload_image(1, credentials=credentials)  # error
    await apoll_video(work, credentials=credentials)  # error
    return await adownload_video(generation, credentials=credentials, bucket=bucket)


@flow
async def at_once(requests: list[VideoRequest], credentials: ToAPIsCredentials) -> list[Generation]:
    generations = await asyncio.gather(
        *[asubmit_video(request, credentials=credentials) for request in requests]
    )
    assert_type(generations, list[Generation])
    # Of calls with different results, mypy knows those of a TaskGroup, as for all Prefect tasks.
    manifests = await asyncio.gather(*[agenerate_videos([one.prompt]) for one in requests])
    assert_type(manifests, list[Manifest])
    print(manifests[0].no_such_field)  # error
    async with asyncio.TaskGroup() as group:
        task = group.create_task(asubmit_video(requests[0], credentials=credentials))
        group.create_task(asubmit_video(requests[0], bucket=credentials))  # error
        balance = group.create_task(aget_balance(credentials=credentials))
    assert_type(task.result(), Generation)
    print(balance.result().credits)  # error
    return generations


@flow
async def options(request: VideoRequest, credentials: ToAPIsCredentials) -> str:
    # Prefect's own `submit` is partially unknown to pyright, and its type for sync tasks is better.
    future = submit_video.submit(request, credentials=credentials)  # pyright: ignore[reportUnknownMemberType]
    assert_type(future, PrefectFuture[Generation])
    once = asubmit_video.with_options(retries=0)
    assert_type(await once(request, credentials=credentials), Generation)
    await once(request, credentials="sk-1")  # error
    nightly = agenerate_videos.with_options(name="nightly")
    assert_type(await nightly(["a tram"]), Manifest)
    await nightly(["a tram"], batch=1)  # error
    return future.result().task_id
