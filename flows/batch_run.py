"""Carrying an order out: prepare, fan out, gather, report."""

from dataclasses import dataclass
from datetime import datetime, timezone

from prefect.logging import get_run_logger

from prefect_toapis.batches.characters import id_of
from prefect_toapis.batches.errors import BatchFailed
from prefect_toapis.batches.gallery import GALLERY_FILE
from prefect_toapis.batches.manifest import Manifest, Unstored
from prefect_toapis.batches.open_shots import open_shots
from prefect_toapis.batches.plan_file import PlanFile, orphaned_shots, plan_key
from prefect_toapis.batches.progress import current_progress
from prefect_toapis.batches.record_reading import read_record
from prefect_toapis.batches.reports import headline, shortfall, words_of_left
from prefect_toapis.batches.store import JSON
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.references import references_in
from prefect_toapis.flows.characters import make_characters
from prefect_toapis.flows.conclude import conclude, gather_manifest
from prefect_toapis.flows.fan_out import FanOut
from prefect_toapis.flows.learning import learning
from prefect_toapis.flows.order import Order
from prefect_toapis.flows.outcomes import Outcomes, accounting
from prefect_toapis.flows.preflight import Ready, prepare
from prefect_toapis.flows.publishing import publish_plan
from prefect_toapis.flows.sharding import Sharding
from prefect_toapis.flows.uploads import upload_files
from prefect_toapis.flows.watching import watched
from prefect_toapis.tasks.steps import account_of


async def run_batch(order: Order) -> Manifest:
    """Make a batch.

    Raises:
        InvalidBatch: It can't be carried out; nothing was bought.
        BatchFailed: It ended with shots that aren't stored, and the order says to fail then.
        ManifestNotWritten: It broke off after something was bought, whatever the order says.
    """
    ready = await prepare(order)
    with account_of(ready.credentials, order.spec.settings):  # its limits hold until the run ends
        return await _run_prepared(order, ready)


async def _run_prepared(order: Order, ready: Ready) -> Manifest:
    if order.dry_run:
        manifest = await gather_manifest(ready, await _open_before(ready))
        await publish_plan(manifest)
        return manifest
    outcomes = Outcomes.after(ready.stored)
    with accounting(ready, outcomes):
        begun = await begin(ready, outcomes)
        make = _make_in_shards if begun.ready.shards > 1 else _make_here
        stopped = await make(begun, outcomes)
    manifest = await conclude(begun.ready, outcomes)
    _report(manifest)
    if order.spec.on_failure == "fail" and (what := shortfall(manifest)):
        raise batch_failed(what, manifest, outcomes, stopped)
    return manifest


async def _open_before(ready: Ready) -> Outcomes:
    """The shots that aren't submitted by a run: they may be paid, or nothing may be done."""
    unstored = {
        shot_id: Unstored(status="open", reason=str(error), money=error.money)
        for shot_id, error in ready.blocked.items()
    }
    known = [shot for shot in ready.to_buy if ready.inventory.was_submitted(shot)]
    if known:
        record, now = await read_record(ready.batch, ready.store), datetime.now(timezone.utc)
        found = {one.shot.shot_id: one.unstored(now) for one in open_shots(known, record)}
        unstored = {**found, **unstored}
    return Outcomes(unstored=unstored)


def batch_failed(
    what: str, manifest: Manifest, outcomes: Outcomes, stopped: ToAPIsError | None
) -> BatchFailed:
    """The end of a run whose shots aren't all stored.

    Args:
        what: How many of how many.
        manifest: The whole batch.
        outcomes: Of the run.
        stopped: Why nothing more was submitted; None if all was.
    """
    error = BatchFailed(what, manifest, outcomes.characters)
    if stopped:
        error.about(advice=f"{stopped.what.rstrip('.')}. {stopped.advice} {error.advice}")
    return error


@dataclass(frozen=True)
class Begun:
    """A batch whose shots can be submitted.

    Args:
        ready: With the characters that were made for it.
        lacking: Why some shots lack a character or a file, by the shots' ids.
        plan: As the bucket keeps it.
    """

    ready: Ready
    lacking: dict[str, ToAPIsError]
    plan: PlanFile


async def _make_here(begun: Begun, outcomes: Outcomes) -> ToAPIsError | None:
    """Make every shot in this run; why nothing more was submitted, if something stopped it."""
    ready, progress = begun.ready, current_progress()
    fan_out = FanOut(ready, progress, begun.lacking, outcomes)
    async with watched(progress, ready.batch, ready.spec.settings), learning(ready):
        await fan_out.run()
    return fan_out.stopped


async def _make_in_shards(begun: Begun, outcomes: Outcomes) -> ToAPIsError | None:
    """Have every shot made by other runs."""
    ready, progress = begun.ready, current_progress()
    sharding = Sharding(ready, progress, begun.lacking, outcomes)
    async with watched(progress, ready.batch, ready.spec.settings):
        return await sharding.run(begun.plan)


async def begin(ready: Ready, outcomes: Outcomes) -> Begun:
    """What comes before the shots: characters are made, the plan is kept, files are uploaded.

    Args:
        ready: The batch.
        outcomes: Of the run: told of what was paid, and of what earlier plans left.
    """
    ready, lacking = await _cast(ready, outcomes)
    plan = await _keep_plan(ready)
    outcomes.left = plan.left
    lacking |= await _upload(ready)
    return Begun(ready, lacking, plan)


async def _cast(ready: Ready, outcomes: Outcomes) -> tuple[Ready, dict[str, ToAPIsError]]:
    """Have the missing characters made; and why some shots have to do without, by shot id."""
    if not ready.to_make:
        return ready, {}
    casting = await make_characters(ready.to_make, ready.files, ready.tasks)
    outcomes.characters = casting.spending(ready.to_make)
    lacking = {
        shot.shot_id: error
        for shot in ready.to_buy
        if (error := casting.failure_of(ready.missing.get(shot.shot_id, [])))
    }
    made = {
        one.name: casting.made[id_of(one)]
        for one in ready.spec.characters
        if not one.exists and id_of(one) in casting.made
    }
    return ready.knowing(made), lacking


async def _keep_plan(ready: Ready) -> PlanFile:
    """Write the plan, and what earlier ones left behind."""
    left = orphaned_shots(ready.earlier, ready.shots, ready.inventory, ready.gone)
    plan = PlanFile(
        batch=ready.batch,
        plan=ready.in_words,
        destination=ready.bucket.uri(),
        shots=ready.shots,
        left=left,
    )
    await ready.patient()(ready.store.write, plan_key(ready.batch), plan.to_json(), JSON)
    if left:
        get_run_logger().warning("%s", words_of_left(ready.batch, left))
    return plan


async def _upload(ready: Ready) -> dict[str, ToAPIsError]:
    """Have the missing files uploaded; and why some shots have to do without, by shot id."""
    needed = {shot.shot_id: references_in(shot.request) for shot in ready.to_buy}
    references = [one for of_shot in needed.values() for one in of_shot]
    failed = await upload_files(references, ready.files, ready.tasks)
    return {
        shot.shot_id: failed[one]
        for shot in ready.to_buy
        if not ready.inventory.was_submitted(
            shot
        )  # what was sent before may need no upload any more
        for one in needed[shot.shot_id]
        if one in failed
    }


def _report(manifest: Manifest) -> None:
    logger = get_run_logger()
    for row in [*manifest.failed, *manifest.open]:
        logger.error("%s: %s", row.status, row.error)
    logger.info("%s; see %s/%s", headline(manifest), manifest.uri, GALLERY_FILE)
