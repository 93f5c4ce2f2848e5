"""The tasks in a user's own flow, with and without a bucket for the record."""

import hashlib
import json
import logging
from typing import Any

import pytest
from prefect import Task, flow, task
from prefect.cache_policies import NO_CACHE
from pydantic import SecretStr

from prefect_toapis import (
    Generation,
    RetrySettings,
    RunSettings,
    StoredVideo,
    ToAPIsCredentials,
    VideoBucket,
    VideoRequest,
    adownload_video,
    apoll_video,
    asubmit_video,
    download_video,
    poll_video,
    submit_video,
)
from prefect_toapis.client.errors import (
    DownloadFailed,
    GenerationFailed,
    InvalidRequest,
    NotFound,
    PolicyRefused,
    ResultMissing,
    SubmissionUnknown,
    ToAPIsError,
    Unauthorized,
)
from prefect_toapis.planning.plan import single_shot
from prefect_toapis.simulator import Drop, Replace, Simulator
from prefect_toapis.tasks.options import RETRY_DELAYS, account_of, is_transient

DOG = VideoRequest(prompt="A dog on the beach", model="sora-2-vip", duration=1)
STEPS: list[Task[Any, Any]] = [submit_video, poll_video, download_video]


@flow
async def one_video(
    request: VideoRequest,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings,
    *,
    recorded: bool = True,
) -> list[StoredVideo]:
    """A user's own flow."""
    generation = await asubmit_video(
        request,
        credentials=credentials,
        bucket=bucket if recorded else None,
        settings=settings,
    )
    generation = await apoll_video(
        generation, credentials=credentials, bucket=bucket, settings=settings
    )
    videos: list[StoredVideo] = await adownload_video(
        generation, credentials=credentials, bucket=bucket, settings=settings
    )
    return videos


async def test_with_a_bucket_the_same_request_is_one_generation(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    first = await one_video(DOG, credentials, bucket, quick)
    second = await one_video(DOG, credentials, bucket, quick)
    assert len(simulator.ledger.submissions) == len(simulator.ledger.paid) == 1
    assert first == second
    [video] = first
    content = bucket.read(video.key) or b""
    assert (video.size, video.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert video.uri == bucket.uri(video.key)
    folder = video.key.rpartition("/")[0]
    assert folder.startswith("requests/a-dog-on-the-beach-sora-2-vip-")
    record, *files = sorted(bucket.list_keys(), key=lambda key: "/records/" not in key)
    assert record.startswith("requests/records/")
    assert files == [f"{folder}/{name}" for name in ("shot.json", "thumbnail-1.jpg", "video-1.mp4")]


async def test_without_a_bucket_two_calls_are_two_generations(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    first = await one_video(DOG, credentials, bucket, quick, recorded=False)
    second = await one_video(DOG, credentials, bucket, quick, recorded=False)
    ids = [submission.business_id or "" for submission in simulator.ledger.paid]
    assert len(set(ids)) == 2
    assert all(len(id_) == len("pt-1") + 26 for id_ in ids)
    keys = [key for key in bucket.list_keys() if key.endswith(".mp4")]
    assert sorted([first[0].key, second[0].key]) == sorted(keys)
    assert all(key.startswith("generations/video-") for key in keys)


async def test_a_shot_may_be_submitted_without_a_bucket(
    simulator: Simulator, credentials: ToAPIsCredentials, quick: RunSettings
) -> None:
    shot = single_shot(DOG, "s3://videos")
    generation = await asubmit_video(shot, credentials=credentials, settings=quick)
    assert generation.shot is None
    assert generation.task_id == simulator.ledger.paid[0].task_id


async def test_tasks_hand_on_what_can_be_serialised_without_urls(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    generation = await asubmit_video(DOG, credentials=credentials, settings=quick)
    rendered = await apoll_video(generation, credentials=credentials, settings=quick)
    assert (generation.status, rendered.status) == ("queued", "completed")
    assert "signature" in rendered.outputs[0].url
    kept = rendered.model_dump_json()
    assert "signature" not in kept + repr(rendered)
    # In another process there are no URLs any more: they are asked for.
    elsewhere = Generation.model_validate_json(kept)
    [video] = await adownload_video(elsewhere, credentials=credentials, bucket=bucket)
    assert bucket.head(video.key)
    assert len(simulator.ledger.paid) == 1


async def test_signatures_in_a_request_are_sent_but_not_kept(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    image = "https://images.example/dog.png?X-Amz-Signature=abc123&v=2"
    request = DOG.model_copy(update={"image_urls": [image]})
    generation = await asubmit_video(
        request, credentials=credentials, bucket=bucket, settings=quick
    )
    assert simulator.ledger.paid[0].body["image_urls"] == [image]
    assert "abc123" not in generation.model_dump_json()


async def test_a_request_that_breaks_a_rule_is_not_sent(
    simulator: Simulator, credentials: ToAPIsCredentials, quick: RunSettings
) -> None:
    with pytest.raises(InvalidRequest, match="duration=12 with sora-2"):
        await asubmit_video(
            VideoRequest(prompt="A dog", duration=12), credentials=credentials, settings=quick
        )
    assert simulator.ledger.submissions == []


async def test_a_submission_without_record_or_answer_names_its_business_id(
    simulator: Simulator, credentials: ToAPIsCredentials, quick: RunSettings
) -> None:
    simulator.faults.add(Drop(operation="submit", when="after"))
    with pytest.raises(SubmissionUnknown) as unknown:
        await asubmit_video(DOG, credentials=credentials, settings=quick)
    assert unknown.value.business_id == simulator.ledger.paid[0].business_id
    assert unknown.value.money == "maybe spent"
    assert len(simulator.ledger.submissions) == 1


async def test_a_submission_with_a_record_and_no_answer_is_found(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    simulator.faults.add(Drop(operation="submit", when="after"))
    generation = await asubmit_video(DOG, credentials=credentials, bucket=bucket, settings=quick)
    assert generation.task_id == simulator.ledger.paid[0].task_id
    assert len(simulator.ledger.submissions) == 1


@pytest.mark.parametrize("key", ["", "**********"])
async def test_a_key_that_can_not_be_one_is_refused_here(
    simulator: Simulator, quick: RunSettings, key: str
) -> None:
    wrong = ToAPIsCredentials(api_key=SecretStr(key), base_url=simulator.url)
    with pytest.raises(Unauthorized, match="the API key is"):
        await asubmit_video(DOG, credentials=wrong, settings=quick)
    assert (simulator.ledger.submissions, simulator.ledger.unauthorized) == ([], 0)


async def test_a_refused_prompt_is_said_with_its_shot(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    request = DOG.model_copy(update={"prompt": "refuse me"})
    with pytest.raises(PolicyRefused) as refused:
        await asubmit_video(request, credentials=credentials, bucket=bucket, settings=quick)
    assert refused.value.shot == "refuse-me / sora-2-vip"
    with pytest.raises(GenerationFailed, match="attempt 1 was rejected"):
        await asubmit_video(request, credentials=credentials, bucket=bucket, settings=quick)
    assert len(simulator.ledger.submissions) == 1


@pytest.mark.parametrize("recorded", [True, False])
async def test_a_generation_that_fails_is_recorded_where_there_is_a_record(
    simulator: Simulator,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
    *,
    recorded: bool,
) -> None:
    request = DOG.model_copy(update={"prompt": "fail me"})
    kept = bucket if recorded else None
    generation = await asubmit_video(request, credentials=credentials, bucket=kept, settings=quick)
    with pytest.raises(GenerationFailed, match="content policy") as failed:
        await apoll_video(generation, credentials=credentials, bucket=kept, settings=quick)
    assert failed.value.task_id == generation.task_id
    assert failed.value.money == "not spent"
    states = [json.loads(bucket.read(key) or b"")["state"] for key in bucket.list_keys()]
    assert states == (["failed"] if recorded else [])


async def test_waiting_for_what_nobody_knows_ends_after_the_grace(
    credentials: ToAPIsCredentials, quick: RunSettings
) -> None:
    stranger = Generation(task_id="video_of_nobody", business_id="pt-1")
    with pytest.raises(NotFound, match="generation video_of_nobody"):
        await apoll_video(stranger, credentials=credentials, settings=quick)


async def test_there_is_nothing_to_download_before_it_is_rendered(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    running = '{"id": "video_1", "object": "generation.task", "status": "in_progress"}'
    simulator.faults.add(Replace(operation="status", status=200, body=running))
    generation = Generation(task_id="video_1", business_id="pt-1")
    with pytest.raises(ResultMissing, match="its status is in_progress") as missing:
        await adownload_video(generation, credentials=credentials, bucket=bucket, settings=quick)
    assert missing.value.task_id == "video_1"
    assert bucket.list_keys() == []


async def test_a_result_that_stays_refused_is_asked_for_afresh_once(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    generation = await asubmit_video(DOG, credentials=credentials, settings=quick)
    generation = await apoll_video(generation, credentials=credentials, settings=quick)
    simulator.faults.add(Replace(operation="media", status=403, times=None))
    queries = simulator.ledger.queries[generation.task_id]
    with pytest.raises(DownloadFailed, match="refuses its URL") as refused:
        await adownload_video(generation, credentials=credentials, bucket=bucket, settings=quick)
    assert refused.value.money == "spent"
    assert simulator.ledger.queries[generation.task_id] == queries + 1


async def test_tasks_are_named_after_what_they_work_on(
    simulator: Simulator,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
    log: pytest.LogCaptureFixture,
) -> None:
    log.set_level(logging.DEBUG, "prefect.task_runs")
    await one_video(DOG, credentials, bucket, quick)
    names = {record.__dict__.get("task_run_name") for record in log.records}
    shot = single_shot(DOG, bucket.uri())
    assert names >= {
        "submit A dog on the beach",
        f"wait for {shot.label}",
        f"store {shot.label}",
    }


async def test_the_log_has_what_came_of_a_step_and_not_that_it_completed_besides(
    simulator: Simulator,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
    log: pytest.LogCaptureFixture,
) -> None:
    await one_video(DOG, credentials, bucket, quick)
    said = [record.message for record in log.records if record.name == "prefect.task_runs"]
    assert sum("submitted as video_" in line for line in said) == 1
    assert not any("Finished in state Completed" in line for line in said)
    refused = DOG.model_copy(update={"prompt": "refuse me"})
    with pytest.raises(PolicyRefused):
        await one_video(refused, credentials, bucket, quick)
    assert any("Finished in state Failed" in record.message for record in log.records)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_step_is_tried_again_by_prefect_and_never_cached(step: Task[Any, Any]) -> None:
    assert step.retries == len(RETRY_DELAYS)
    assert step.retry_delay_seconds == RETRY_DELAYS == [30, 120, 600]
    assert step.retry_condition_fn is is_transient
    assert step.persist_result is False
    assert step.cache_policy is NO_CACHE


async def test_the_account_is_shared_by_all_tasks_of_a_process(
    credentials: ToAPIsCredentials, quick: RunSettings
) -> None:
    again = ToAPIsCredentials(api_key=credentials.api_key, base_url=f"{credentials.base_url}/v1/")
    other = quick.with_overrides(RunSettings(retries=RetrySettings(client_seconds=7)))
    with account_of(credentials, quick) as one, account_of(again, other) as another:
        assert one == another


async def test_what_fails_in_a_users_task_is_retried_only_if_it_is_transient(
    simulator: Simulator, credentials: ToAPIsCredentials, quick: RunSettings
) -> None:
    tries: list[VideoRequest] = []
    once = quick.with_overrides(
        RunSettings(retries=RetrySettings(client_seconds=1e-6))
    )  # by the client itself

    @task(retries=3, retry_delay_seconds=0.01, retry_condition_fn=is_transient)
    async def own(request: VideoRequest) -> Generation:
        tries.append(request)
        return await asubmit_video.fn(request, credentials=credentials, settings=once)

    with pytest.raises(ToAPIsError):
        await own(DOG.model_copy(update={"prompt": "refuse me"}))
    assert len(tries) == 1
    busy = '{"error": {"code": "rate_limit_unavailable", "message": "The limiter is down"}}'
    simulator.faults.add(Replace(operation="submit", status=503, body=busy, times=2))
    await own(DOG)
    assert len(tries) == 1 + 3
