"""Sync flows of a user: what their calls return, and mistakes in them."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture, PrefectFutureList
from typing_extensions import assert_type

from prefect_toapis import (
    BatchFailed,
    Character,
    Generation,
    MadeCharacter,
    Manifest,
    StoredVideo,
    ToAPIsCredentials,
    Variant,
    VideoBucket,
    VideoRequest,
    collect_batch,
    create_characters,
    download_video,
    generate_from_spec,
    generate_videos,
    get_balance,
    poll_video,
    run_shard,
    submit_video,
)


@flow
def adverts(prompts: list[str], bucket: VideoBucket) -> list[str]:
    manifest = generate_videos(prompts, [Variant(duration=10)], bucket=bucket)
    assert_type(manifest, Manifest)
    generate_videos(secnes=["a"], bucket=7)  # error
    generate_videos(prompts, bucket=7)  # error
    generate_videos(prompts, on_failure="ignore")  # error
    generate_videos()  # error
    print(manifest.stord)  # error
    return [row.uri for row in manifest.stored if row.uri]


@flow
def other_flows(character: Character) -> int:
    assert_type(generate_from_spec("lisbon.yaml"), Manifest)
    assert_type(collect_batch(), list[Manifest])
    assert_type(create_characters([character]), list[MadeCharacter])
    assert_type(generate_videos(["a tram"], return_state=True), State[Manifest])
    try:
        shots = run_shard("lisbon", 1)
    except BatchFailed as error:
        assert_type(error.manifest, Manifest)
        raise
    assert_type(shots, int)
    run_shard("lisbon", "1")  # error
    generate_from_spec(spec=["lisbon.yaml"])  # error
    return shots


@flow
def one_video(request: VideoRequest, credentials: ToAPIsCredentials, bucket: VideoBucket) -> str:
    generation = submit_video(request, credentials=credentials, bucket=bucket)
    assert_type(generation, Generation)
    done = poll_video(generation, credentials=credentials, bucket=bucket)
    videos = download_video(done, credentials=credentials, bucket=bucket)
    assert_type(videos, list[StoredVideo])
    submit_video(request)  # error
    submit_video("a tram", credentials=credentials)  # error
    poll_video(request, credentials=credentials)  # error
    print(get_balance(credentials=credentials).credits)  # error
    return generation.task_id


@flow
def futures(requests: list[VideoRequest], credentials: ToAPIsCredentials) -> list[Generation]:
    # Prefect's own `submit` is partially unknown to pyright.
    future = submit_video.submit(requests[0], credentials=credentials)  # pyright: ignore[reportUnknownMemberType]
    assert_type(future, PrefectFuture[Generation])
    submit_video.submit(requests[0], credential=credentials)  # error
    mapped = submit_video.map(requests, credentials=credentials)
    assert_type(mapped, PrefectFutureList[Generation])
    state = submit_video(requests[0], credentials=credentials, return_state=True)
    assert_type(state, State[Generation])
    return [future.result(), *mapped.result()]


@flow
def options(request: VideoRequest, credentials: ToAPIsCredentials) -> Manifest:
    once = submit_video.with_options(retries=0, name="once")
    assert_type(once(request, credentials=credentials), Generation)
    once(request, credentials=None)  # error
    submit_video.with_options(retrys=0)  # error
    nightly = generate_videos.with_options(name="nightly", retries=1)
    assert_type(nightly(["a tram"]), Manifest)
    nightly(["a tram"], max_videos="many")  # error
    generate_videos.with_options(retries="often")  # error
    return nightly(["a tram"])
