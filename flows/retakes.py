"""Buys one more take of shots whose videos have remarks (`settings.on_remark="retake"`)."""

from collections.abc import Sequence
from dataclasses import replace

from prefect.logging import get_run_logger

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.flows.batch import Batch
from prefect_toapis.flows.checks import ask_balance, cost_of_run
from prefect_toapis.flows.inputs import with_files
from prefect_toapis.flows.outcomes import Outcomes, gather_manifest, manifest_on_error
from prefect_toapis.flows.runner import run_shots
from prefect_toapis.planning.plan import Shot
from prefect_toapis.planning.price_files import prices_in_use
from prefect_toapis.planning.pricing import Unpriced, budget_faults, cost_of, dearest, price_of
from prefect_toapis.planning.retakes import possible_retakes, with_retakes
from prefect_toapis.records.layout import plan_key
from prefect_toapis.records.store import JSON
from prefect_toapis.reports.manifest import Manifest


async def buy_retakes(batch: Batch, outcomes: Outcomes) -> Batch:
    """Buy and store one more take of each shot whose videos have remarks, within the limits.

    A shot is retaken once, in whatever run, and a retake never. The plan in the bucket has the
    retakes before anything is sent.

    Args:
        batch: All shots of its plan have ended in this run.
        outcomes: Of the run; updated with those of the retakes.

    Returns:
        The batch with its retakes.

    Raises:
        StoreError: The bucket is unavailable.
        ManifestNotWritten: An error occurred after retakes were planned.
    """
    wanted = retakes_wanted(batch, await gather_manifest(batch, outcomes))
    if not wanted or outcomes.stopped:
        return batch
    bought = await _affordable(batch, wanted)
    get_run_logger().info(
        "%d of %d shots with remarks are bought once more%s",
        len(bought),
        len(wanted),
        "" if len(bought) == len(wanted) else "; the others exceed max_videos or the budget",
    )
    if not bought:
        return batch
    more = {shot.retake_of: shot.shot_id for shot in bought if shot.retake_of}
    batch = replace(
        batch, shots=[*batch.shots, *bought], plan=with_retakes(batch.plan, more), unprepared={}
    )
    retries, plan = batch.with_retries(), batch.plan_file()
    await retries(batch.store.write, plan_key(batch.name), plan.to_json(), JSON)
    with manifest_on_error(batch, outcomes):
        await run_shots(await with_files(batch.only(set(more.values()))), outcomes)
    return batch


def retakes_wanted(batch: Batch, manifest: Manifest) -> list[Shot]:
    """Return the retakes to buy: of shots with remarks that have no retake and are none.

    Args:
        batch: The batch, with its plan.
        manifest: Of all that is stored.
    """
    retaken = {row.retake_of for row in manifest.rows}
    remarked = {row.shot_id for row in manifest.remarked if row.retake_of is None} - retaken
    if not remarked:
        return []
    # A character that is gone from the registry is made with other shots to buy only.
    planned, unmade = {shot.shot_id for shot in batch.shots}, batch.plan.missing
    return [
        batch.inventory.with_existing_folder(retake)
        for shot_id, retake in possible_retakes(batch.plan).items()
        if shot_id in remarked and shot_id not in unmade and retake.shot_id not in planned
    ]


async def _affordable(batch: Batch, wanted: Sequence[Shot]) -> list[Shot]:
    """Return the first retakes that `max_videos`, the budget and the balance allow."""
    spec, found = batch.plan.spec, list[Shot]()
    videos = sum(shot.request.outputs for shot in batch.shots)
    for shot in wanted:
        videos += shot.request.outputs
        if videos > spec.max_videos:
            break
        found.append(shot)
    if batch.cost is None or not found:
        return found
    settings, catalogue = batch.settings, Catalogue.current()
    known = prices_in_use(settings.purchases.prices)
    now = await cost_of_run(replace(batch, shots=found), known)
    spent: list[float | Unpriced] = [now.spent, *map(Unpriced, now.unpriced)]
    prices = [
        dearest(price_of(request, known, catalogue) for request in shot.candidates)
        for shot in found
    ]
    keep = settings.purchases.min_remaining_credits
    balance = None if keep is None else await ask_balance(batch.credentials, settings, [])
    while found and budget_faults(
        cost_of(spent, prices[: len(found)]), spec.budget_credits, keep, balance
    ):
        found.pop()
    return found
