"""A batch that is to be split, and the run that makes a part of one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from prefect import get_client

from prefect_toapis import RunSettings, ShardSettings, ToAPIsCredentials, Variant, VideoBucket
from prefect_toapis.errors import InvalidBatch, ShardFailed
from prefect_toapis.flows.shard_run import arun_shard, run_shard
from prefect_toapis.flows.shards import split
from prefect_toapis.flows.submission import asubmit_batch
from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.records.plan_file import PlanFile, read_plan
from prefect_toapis.simulator import Replace, Simulator

Make = Callable[..., Awaitable[Any]]

SIX = [f"scene {number}" for number in range(6)]
REFUSED = '{"error": {"code": "content_policy", "message": "not this one"}}'
SIGNED = {"name": "signed", "prompt": "s", "image_urls": ["https://m.example/a.png?Signature=5ec"]}


@pytest.fixture
def in_twos(quick: RunSettings) -> RunSettings:
    """Three shards of six shots, by a deployment that isn't there."""
    name = f"run-shard/{uuid4().hex[:8]}"
    return quick.with_overrides(RunSettings(shards=ShardSettings(size=2, deployment=name)))


@pytest.fixture
async def saved(credentials: ToAPIsCredentials, bucket: VideoBucket) -> AsyncIterator[None]:
    """The blocks, where other runs can load them."""
    name = f"b{uuid4().hex[:8]}"
    await credentials.asave(name)
    await bucket.asave(name)
    yield
    await ToAPIsCredentials.adelete(name)
    await VideoBucket.adelete(name)


@pytest.fixture
async def deployed(in_twos: RunSettings) -> None:
    """A deployment of that name, which no worker serves."""
    async with get_client() as client:
        flow_id = await client.create_flow(run_shard)
        await client.create_deployment(flow_id, in_twos.shards.deployment.partition("/")[2])


async def test_what_keeps_a_batch_from_being_split_is_told_in_one_go_and_nothing_is_paid(
    make: Make, in_twos: RunSettings, simulator: Simulator
) -> None:
    with pytest.raises(InvalidBatch) as refused:
        await make([*SIX, SIGNED], settings=in_twos, max_videos=6)
    too_many, credentials, bucket, deployment, signed = refused.value.faults
    assert "max_videos" in too_many
    assert 'credentials = ToAPIsCredentials(...); credentials.save("default")' in credentials
    assert 'bucket = VideoBucket(...); bucket.save("default")' in bucket
    assert f"has no {in_twos.shards.deployment}" in deployment
    assert f"-n {in_twos.shards.deployment}`" in deployment
    assert signed.startswith("signed")
    assert "5ec" not in signed
    assert simulator.ledger.submissions == []


@pytest.mark.usefixtures("saved", "deployed")
async def test_a_dry_run_says_how_many_shards_it_takes(make: Make, in_twos: RunSettings) -> None:
    manifest = await make(SIX, settings=in_twos, dry_run=True)
    assert manifest.plan == "6 shots: 0 stored, 6 to buy; in 3 shards"


async def test_a_batch_that_is_small_enough_needs_no_saved_blocks(
    make: Make, in_twos: RunSettings, simulator: Simulator
) -> None:
    manifest = await make(SIX[:2], settings=in_twos)
    assert manifest.shots("stored") == len(simulator.ledger.paid) == 2


async def test_what_is_only_submitted_is_never_split(
    in_twos: RunSettings,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    simulator: Simulator,
) -> None:
    submitted = await asubmit_batch(
        SIX[:3],
        [Variant(name="short", model="sora-2-vip", duration=1)],
        batch="b",
        credentials=credentials,
        bucket=bucket,
        settings=in_twos,
    )
    assert submitted.shots("open") == len(simulator.ledger.paid) == 3


@pytest.fixture
def planned(bucket: VideoBucket) -> PlanFile:
    """Six shots in two shards, as the run that starts them keeps the plan."""
    variant = {"name": "short", "model": "sora-2-vip", "duration": 1}
    spec = BatchSpec.model_validate({"scenes": SIX, "variants": [variant]})
    shots = plan_batch(spec, "b", bucket.uri()).shots
    shards = split([shot.shot_id for shot in shots], 2)
    plan = PlanFile(batch="b", destination=bucket.uri(), shots=shots, shards=shards)
    bucket.write("b/plan.json", plan.to_json(), "application/json")
    return plan


async def test_a_shard_is_made_by_itself_and_leaves_the_manifest_to_who_started_it(
    planned: PlanFile,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
    simulator: Simulator,
) -> None:
    for shard, paid in [(1, 3), (1, 3), (2, 6)]:  # each once, whoever makes it again
        stored = await arun_shard(
            "b", shard, credentials=credentials, bucket=bucket, settings=quick
        )
        assert stored == 3
        assert len(simulator.ledger.paid) == paid
    keys = bucket.list_keys("b/")
    assert sum(key.endswith("/shot.json") for key in keys) == 6
    assert bucket.read("b/manifest.jsonl") is None
    kept = bucket.read("b/plan.json") or b""
    assert read_plan(kept, "b/plan.json", bucket.uri("b/plan.json")) == planned


async def test_a_shard_with_a_refused_shot_stores_the_others_and_says_why(
    planned: PlanFile,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
    simulator: Simulator,
) -> None:
    simulator.faults.add(Replace(operation="submit", status=422, prompt="scene 2", body=REFUSED))
    with pytest.raises(ShardFailed, match="shard 1 of b: 1 of 3 shots are not stored") as failed:
        await arun_shard("b", 1, credentials=credentials, bucket=bucket, settings=quick)
    [why] = failed.value.unstored.values()
    assert why.status == "failed"
    assert why.reason
    assert why.reason in str(failed.value)
    assert len(simulator.ledger.paid) == 2


@pytest.mark.parametrize(("batch", "shard"), [("b", 0), ("b", 3), ("nowhere", 1)])
@pytest.mark.usefixtures("planned")
async def test_a_shard_that_is_not_planned_is_refused(
    credentials: ToAPIsCredentials, bucket: VideoBucket, batch: str, shard: int
) -> None:
    with pytest.raises(InvalidBatch, match=rf"{batch}/plan\.json has no shard {shard}"):
        await arun_shard(batch, shard, credentials=credentials, bucket=bucket)
