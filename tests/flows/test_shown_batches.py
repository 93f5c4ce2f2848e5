"""What Prefect shows and tells of a batch, and which pages the bucket gets."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact, FlowRun
from prefect.client.schemas.sorting import ArtifactSort, FlowRunSort
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.events.schemas.events import Event

from prefect_toapis import Manifest, Variant, VideoBucket
from prefect_toapis.errors import BatchFailed, InvalidBatch
from prefect_toapis.planning.pricing import Price
from prefect_toapis.planning.settings import PurchaseSettings, RunSettings
from prefect_toapis.simulator import Replace, Simulator

Make = Callable[..., Awaitable[Manifest]]

PICTURED = Variant(name="short", model="sora-2-vip", duration=1, thumbnail=True)


def refusal(message: str) -> str:
    return json.dumps({"error": {"message": message, "type": "invalid_request_error"}})


async def artifacts(key: str) -> list[Artifact]:
    async with get_client() as client:
        return await client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])),
            sort=ArtifactSort.CREATED_DESC,
        )


async def only_artifact(key: str) -> Artifact:
    [artifact] = await artifacts(key)
    return artifact


async def test_a_batch_has_one_progress_one_table_and_one_gallery(make: Make) -> None:
    await make(["a dog", "a cat"], batch="shown", variants=[PICTURED])
    progress = await only_artifact("progress-shown")
    assert (progress.type, progress.data) == ("progress", 100)
    assert progress.description == "2 of 2 shots done: 2 stored"
    table = await only_artifact("shots-shown")
    assert [line["status"] for line in json.loads(str(table.data))] == ["stored", "stored"]
    gallery = await only_artifact("gallery-shown")
    assert str(gallery.data).count('<img src="data:image/jpeg;base64,') == 2
    assert gallery.description == "2 of 2 shots stored"


async def test_what_failed_stands_in_table_and_gallery_with_its_reason(
    make: Make, simulator: Simulator
) -> None:
    simulator.faults.add(Replace(operation="submit", status=400, body=refusal("no <b>")))
    with pytest.raises(BatchFailed):
        await make(["a dog", "a cat"], batch="partly")
    [failed, stored] = json.loads(str((await only_artifact("shots-partly")).data))
    assert (failed["status"], stored["status"]) == ("failed", "stored")
    gallery = str((await only_artifact("gallery-partly")).data)
    assert "## Not stored" in gallery
    assert r"no \<b\>" in gallery
    assert "retry-batch/retry-batch" in gallery


async def test_a_dry_run_answers_with_the_plan(make: Make, simulator: Simulator) -> None:
    await make(["a dog"], batch="planned", dry_run=True)
    plan = await only_artifact("plan-planned")
    assert r"1 shot\: 0 stored, 1 to buy" in str(plan.data)
    assert "a dog" in str(plan.data)
    assert await artifacts("gallery-planned") == []
    assert simulator.ledger.submissions == []


async def test_a_dry_run_has_the_price_of_each_shot(make: Make, quick: RunSettings) -> None:
    prices = PurchaseSettings(prices=[Price(model="sora-2-vip", credits=30)])
    priced = quick.model_copy(update={"purchases": prices})
    await make(["a dog"], batch="priced", dry_run=True, settings=priced)
    plan = await only_artifact("plan-priced")
    assert "| to buy | sora-2-vip |" in str(plan.data)
    assert "| 30 |" in str(plan.data)


async def test_a_refused_plan_shows_its_faults(make: Make, simulator: Simulator) -> None:
    with pytest.raises(InvalidBatch) as refused:
        await make(["a dog"], batch="with-a-fault", variants=[Variant(duration=7)])
    plan = await only_artifact("plan-with-a-fault")
    assert "**1 fault.** Nothing was bought." in str(plan.data)
    assert "duration" in str(plan.data)
    assert "duration" in str(refused.value)
    assert simulator.ledger.submissions == []


async def test_the_bucket_has_manifest_and_page(make: Make, bucket: VideoBucket) -> None:
    manifest = await make(["a dog"], batch="paged")
    assert "a-dog" in (bucket.read("paged/index.html") or b"").decode()
    again = bucket.load_manifest("paged")
    assert again.rows == manifest.rows
    assert (
        Manifest.from_parquet(bucket.read("paged/manifest.parquet") or b"", uri=manifest.uri).rows
        == manifest.rows
    )


async def test_links_that_were_not_asked_for_exist_nowhere(make: Make, bucket: VideoBucket) -> None:
    await make(["a dog"], batch="unsigned")
    page = (bucket.read("unsigned/index.html") or b"").decode()
    gallery = str((await only_artifact("gallery-unsigned")).data)
    assert "X-Amz" not in page + gallery


async def test_links_are_signed_where_a_lifetime_is_set(make: Make, bucket: VideoBucket) -> None:
    lasting = bucket.model_copy(update={"link_hours": 2})
    await make(["a dog"], batch="signed", bucket=lasting)
    gallery = str((await only_artifact("gallery-signed")).data)
    assert "X-Amz-Signature" in gallery
    assert "The links are valid until" in gallery
    assert "X-Amz" not in str((await only_artifact("shots-signed")).data)
    assert b"X-Amz" not in (bucket.read("signed/manifest.jsonl") or b"")


async def events_of(place: str, names: list[str]) -> dict[str, Event]:
    """The events about a place, by name, once the server has one of each."""
    told: dict[str, Event] = {}
    async with get_client() as client:
        for _ in range(60):
            wanted = EventFilter(event=EventNameFilter(name=names))  # until now
            page = await client.read_events(filter=wanted, limit=50)
            told = {one.event: one for one in page.events if place in one.model_dump_json()}
            if len(told) == len(names):
                return told
            await asyncio.sleep(0.5)
    pytest.fail(f"the server has only {sorted(told)}")


async def test_listeners_are_told_of_shots_batch_and_asset(
    make: Make, simulator: Simulator
) -> None:
    names = [
        "toapis.shot.stored",
        "toapis.shot.failed",
        "toapis.batch.completed",
        "prefect.asset.materialization.succeeded",
    ]
    simulator.faults.add(Replace(operation="submit", status=400, body=refusal("no")))
    manifest = await make(["a dog", "a cat"], batch="told", on_failure="tolerate")
    place = manifest.uri.removeprefix("s3://")
    told = await events_of(place, names)
    assert told["toapis.batch.completed"].resource.id == f"toapis.batch.{place}"
    counts = told["toapis.batch.completed"].payload
    assert (counts["stored"], counts["failed"]) == (1, 1)
    [stored] = manifest.stored
    assert told["toapis.shot.stored"].payload["videos"][0]["uri"] == stored.uri
    assert told["toapis.shot.stored"].resource.id == f"toapis.shot.{stored.shot_id}"
    assert "no" in told["toapis.shot.failed"].payload["error"]
    asset = told["prefect.asset.materialization.succeeded"]
    assert asset.resource.id == manifest.uri
    assert asset.payload["stored"] == 1


async def test_a_run_is_named_for_its_batch(make: Make) -> None:
    await make(["a dog"], batch="named", dry_run=True)
    async with get_client() as client:
        newest = FlowRunSort.START_TIME_DESC  # other tests' runs are on the server, too
        runs: list[FlowRun] = await client.read_flow_runs(limit=50, sort=newest)
    assert "named: 1 scene x 1 variant (dry run)" in [run.name for run in runs]
