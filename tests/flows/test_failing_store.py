"""A store that fails at any step after something was bought: nothing is lost, or paid twice."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.chaos.faulty_store import FaultyStore, Refusal

from prefect_toapis import (
    Manifest,
    RunSettings,
    ToAPIsCredentials,
    Variant,
    VideoBucket,
    acollect_batch,
    areconcile_batch,
    arun_shard,
    asubmit_batch,
)
from prefect_toapis.errors import BatchFailed, ManifestNotWritten, ShardFailed
from prefect_toapis.records.plan_file import read_plan
from prefect_toapis.simulator import Simulator

Make = Callable[..., Awaitable[Any]]

SCENES = ["a dog", "a cat", "a hen"]
SHORT = Variant(name="short", model="sora-2-vip", duration=1)

REFUSALS: dict[str, dict[str, Any]] = {
    "expired credentials": {"status": 403, "code": "ExpiredToken"},
    "a bucket that is gone": {"status": 404, "code": "NoSuchBucket"},
}
# The request that is refused first; each one after it is refused, too.
STEPS = {
    "the record of an acceptance": Refusal("PUT", r"attempt-1\.json", skip=len(SCENES)),
    "the look for a video": Refusal("HEAD", r"video-1\.mp4"),
    "the video": Refusal("PUT", r"video-1\.mp4"),
    "shot.json": Refusal("PUT", r"shot\.json"),
    "the second shot.json": Refusal("PUT", r"shot\.json", skip=1),
    "the render times": Refusal("PUT", r"render-times"),
    "the list at the end": Refusal("GET", r"list-type=2.*prefix=team%2Ffilm%2Fb%2F", skip=1),
    "the manifest": Refusal("PUT", r"manifest\.jsonl"),
}


def refuse(store: FaultyStore, step: str, how: str = "expired credentials") -> None:
    store.refusal = replace(STEPS[step], **REFUSALS[how])
    store.begin_again()


def assert_all_is_told(
    error: ManifestNotWritten, simulator: Simulator, log: pytest.LogCaptureFixture
) -> None:
    """Each shot has a row, and whatever was paid is named wherever a person looks."""
    paid = {str(one.task_id): one.business_id for one in simulator.ledger.paid}
    rows = {str(row.task_id): row for row in error.manifest.rows}
    assert len(error.manifest.rows) == len(SCENES)
    assert set(paid) <= set(rows)
    named = [line for line in log.messages if line.startswith("Generations of batch b: ")]
    for task_id, business_id in paid.items():
        assert rows[task_id].business_id == business_id
        assert task_id in str(error)
        assert task_id in named[-1]
        assert rows[task_id].status in {"stored", "open"}
        assert rows[task_id].money == "spent"
    assert all(row.error for row in error.manifest.rows if row.status != "stored")
    assert "Nothing was spent" not in str(error)
    of_batch = [line for line in log.text.splitlines() if "manifest" in line or "list" in line]
    assert not any("Nothing was spent" in line for line in of_batch)
    assert error.money == "spent"


@pytest.mark.parametrize(
    "begins", [{"step": step, "how": how} for step in STEPS for how in REFUSALS], ids=str
)
async def test_a_store_that_fails_at_a_step_loses_nothing(
    make: Make,
    simulator: Simulator,
    store: FaultyStore,
    troubled: VideoBucket,
    begins: dict[str, str],
    log: pytest.LogCaptureFixture,
) -> None:
    refuse(store, **begins)
    with pytest.raises(ManifestNotWritten) as failed:
        await make(SCENES, bucket=troubled, on_failure="tolerate")
    paid = len(simulator.ledger.paid)
    assert 1 <= paid <= len(SCENES)
    assert_all_is_told(failed.value, simulator, log)
    gone = begins["how"] == "a bucket that is gone"
    advice = "Bring the bucket back" if gone else "Check the credentials"
    assert advice in str(failed.value)
    assert f"{paid} of 3 shots" in str(failed.value) or "1 of 3 shots" in str(failed.value)
    store.refusal = None
    manifest: Manifest = await make(SCENES, bucket=troubled)
    assert manifest.shots("stored") == len(SCENES)
    assert len(simulator.ledger.paid) == len(simulator.ledger.submissions) == len(SCENES)


@pytest.mark.parametrize(
    "path", [r"index\.html", r"manifest\.parquet", r"render-times", r"thumbnail"]
)
async def test_what_is_only_convenient_fails_with_a_warning(
    make: Make,
    simulator: Simulator,
    store: FaultyStore,
    troubled: VideoBucket,
    path: str,
    log: pytest.LogCaptureFixture,
) -> None:
    store.refusal = Refusal("PUT|GET", path, lasting=False)
    manifest = await make(SCENES, bucket=troubled)
    assert manifest.shots("stored") == len(SCENES)
    assert store.failed["ExpiredToken"]
    [warned, *_] = [one for one in log.records if "The store has its reasons" in one.getMessage()]
    assert warned.levelname == "WARNING"


async def test_a_policy_that_lets_nothing_be_written_leaves_paid_shots_open(
    make: Make, simulator: Simulator, store: FaultyStore, troubled: VideoBucket
) -> None:
    store.refusal = Refusal("PUT", r"(video-1\.mp4|manifest)", code="AccessDenied", lasting=False)
    with pytest.raises(ManifestNotWritten) as failed:
        await make(SCENES, bucket=troubled)
    rows = failed.value.manifest.rows
    assert [row.status for row in rows] == ["open"] * 3
    assert "Spent: 3 of 3 shots are open, and paid" in str(failed.value)
    store.refusal = None
    await make(SCENES, bucket=troubled)
    assert len(simulator.ledger.paid) == 3


@pytest.mark.parametrize(
    ("method", "path"), [("HEAD", "video-1"), ("PUT", "video-1"), ("PUT", "shot.json")]
)
async def test_a_login_page_in_place_of_the_store_is_no_store(
    make: Make,
    simulator: Simulator,
    store: FaultyStore,
    troubled: VideoBucket,
    method: str,
    path: str,
) -> None:
    store.refusal = Refusal(method, path, status=200, page="<html>Please sign in</html>")
    with pytest.raises(ManifestNotWritten, match="does not respond like S3") as failed:
        await make(SCENES, bucket=troubled)
    errors = [row.error or "" for row in failed.value.manifest.open]
    assert errors
    assert all("check the endpoint URL" in one for one in errors)
    assert not any("other content" in one for one in errors)
    store.refusal = None
    assert (await make(SCENES, bucket=troubled)).shots("stored") == 3
    assert len(simulator.ledger.submissions) == 3


CLIP = {"name": "Baron", "url": "https://media.example/baron.mp4", "timestamps": "1,3"}


@pytest.mark.parametrize("path", [r"plan\.json", r"character\.json", r"characters/.*attempt-1"])
async def test_a_character_that_is_paid_is_named(
    make: Make,
    simulator: Simulator,
    store: FaultyStore,
    troubled: VideoBucket,
    path: str,
    log: pytest.LogCaptureFixture,
) -> None:
    store.refusal = Refusal("PUT", path, skip=int("attempt" in path))
    with pytest.raises(ManifestNotWritten) as failed:
        await make(["{character} runs"], bucket=troubled, characters=[CLIP])
    [creation] = simulator.ledger.paid
    assert str(creation.task_id) in str(failed.value)
    assert str(creation.task_id) in log.text
    assert 'the character "Baron" is paid' in str(failed.value)
    [row] = failed.value.manifest.rows
    assert row.money == "not spent"


async def test_a_shot_json_that_can_t_be_read_concerns_its_own_shot(
    make: Make, store: FaultyStore, troubled: VideoBucket, simulator: Simulator
) -> None:
    await make(SCENES, bucket=troubled)
    store.refusal = Refusal("GET", r"a-cat.*shot\.json", lasting=False)
    with pytest.raises(BatchFailed, match="2 of 3 shots stored, 1 open") as failed:
        await make(SCENES, bucket=troubled)
    dog, cat, hen = failed.value.manifest.rows
    assert (dog.status, cat.status, hen.status) == ("stored", "open", "stored")
    assert "shot.json" in (cat.error or "")
    assert len(simulator.ledger.paid) == 3


async def test_a_later_run_names_what_an_earlier_one_stored(
    make: Make,
    store: FaultyStore,
    troubled: VideoBucket,
    simulator: Simulator,
    log: pytest.LogCaptureFixture,
) -> None:
    await make(SCENES[:2], bucket=troubled)
    refuse(store, "the video")
    with pytest.raises(ManifestNotWritten) as failed:
        await make(SCENES, bucket=troubled)
    assert [row.status for row in failed.value.manifest.rows] == ["stored", "stored", "open"]
    assert_all_is_told(failed.value, simulator, log)


async def test_a_plan_that_can_t_be_kept_before_anything_was_bought_is_a_plain_error(
    make: Make, store: FaultyStore, troubled: VideoBucket, simulator: Simulator
) -> None:
    store.refusal = Refusal("PUT", r"plan\.json")
    with pytest.raises(Exception, match=r"plan\.json.*Nothing was spent") as failed:
        await make(SCENES, bucket=troubled)
    assert not isinstance(failed.value, BatchFailed)
    assert simulator.ledger.submissions == []


@pytest.fixture
def given(
    credentials: ToAPIsCredentials, troubled: VideoBucket, quick: RunSettings
) -> dict[str, Any]:
    return {"credentials": credentials, "bucket": troubled, "settings": quick}


async def test_a_run_that_only_submits_names_what_it_bought(
    given: dict[str, Any],
    store: FaultyStore,
    simulator: Simulator,
    log: pytest.LogCaptureFixture,
) -> None:
    refuse(store, "the list at the end")
    with pytest.raises(ManifestNotWritten) as failed:
        await asubmit_batch(SCENES, [SHORT], batch="b", on_failure="tolerate", **given)
    assert len(simulator.ledger.paid) == 3
    assert_all_is_told(failed.value, simulator, log)


@pytest.mark.parametrize("step", ["the video", "shot.json", "the manifest"])
async def test_collecting_and_reconciling_name_what_they_could_not_store(
    given: dict[str, Any],
    store: FaultyStore,
    simulator: Simulator,
    step: str,
    log: pytest.LogCaptureFixture,
) -> None:
    await asubmit_batch(SCENES, [SHORT], batch="b", **given)
    for flow in (acollect_batch, areconcile_batch):
        await simulator.await_for(lambda: simulator.ledger.paid)
        refuse(store, step)
        with pytest.raises(ManifestNotWritten) as failed:
            await flow("b", **given)
        assert_all_is_told(failed.value, simulator, log)
        store.refusal = None
    await areconcile_batch("b", **given)
    assert len(simulator.ledger.submissions) == 3


async def test_a_shard_names_its_generations(
    given: dict[str, Any],
    make: Make,
    store: FaultyStore,
    troubled: VideoBucket,
    simulator: Simulator,
    log: pytest.LogCaptureFixture,
) -> None:
    await make(SCENES, bucket=troubled, dry_run=True)
    await make(["a mouse"], bucket=troubled)
    plan = read_plan(troubled.read("b/plan.json") or b"", "b/plan.json", "b/plan.json")
    shards = plan.model_copy(update={"shards": [[shot.shot_id for shot in plan.shots]]})
    troubled.write("b/plan.json", shards.to_json(), "application/json")
    for key in troubled.list_keys("b/"):
        if key.endswith(("shot.json", "video-1.mp4")):
            troubled.credentials.get_client().delete_object(  # type: ignore[union-attr]
                Bucket=troubled.bucket_name, Key=f"team/film/{key}"
            )
    refuse(store, "the video")
    with pytest.raises(ShardFailed) as failed:
        await arun_shard("b", 1, **given)
    [paid] = simulator.ledger.paid
    assert str(paid.task_id) in str(failed.value)
    assert "Spent: 1 of 1 shot is open, and paid unless the provider fails it" in str(failed.value)
    assert any(
        str(paid.task_id) in one.getMessage() for one in log.records if one.levelname == "ERROR"
    )
