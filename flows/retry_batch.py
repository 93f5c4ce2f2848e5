"""The flow `retry-batch`: makes what is missing of a batch, from the plan in the bucket."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated

from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.client.errors import InvalidRequest
from prefect_toapis.client.form_schema import OrEmpty
from prefect_toapis.client.plain_text import printable
from prefect_toapis.errors import InvalidBatch
from prefect_toapis.flows.batch import Batch
from prefect_toapis.flows.checks import cost_of_run
from prefect_toapis.flows.default_blocks import checked_blocks
from prefect_toapis.flows.generate import make_checked
from prefect_toapis.flows.offered_models import unoffered_models
from prefect_toapis.flows.open_batches import open_planned_batch, read_open
from prefect_toapis.flows.progress import Progress
from prefect_toapis.planning.changed_prompts import with_prompts
from prefect_toapis.planning.plan import Plan
from prefect_toapis.planning.price_files import prices_in_use
from prefect_toapis.planning.pricing import budget_faults
from prefect_toapis.planning.settings import RetrySettings, RunSettings, ShardSettings
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.records.plan_file import PlanFile
from prefect_toapis.reports.manifest import Manifest
from prefect_toapis.tasks.sync_async import async_flow, sync_flow

_SHOWN = 200  # characters of a batch's name
_INCOMPLETE = (
    "the plan in the bucket doesn't have all that it needs (a URL with a query, or a character "
    "that wasn't made): run the batch from its spec"
)


def _run_name() -> str:
    return f"retry {printable(str(flow_run.parameters['batch']), _SHOWN)}"


@async_flow(name="retry-batch", flow_run_name=_run_name)
async def aretry_batch(
    batch: str,
    refused_too: bool = False,
    prompts: Mapping[str, str] = {},
    *,
    credentials: Annotated[ToAPIsCredentials | None, OrEmpty()] = None,
    bucket: Annotated[VideoBucket | None, OrEmpty()] = None,
) -> Manifest:
    """Make what is missing of a batch. It needs no spec: the plan in the bucket has the shots.

    As when the batch is run again, videos that are stored or under way are not bought again. Shots
    whose request isn't complete in the plan stay as they are, with the reason.

    Args:
        batch: Name of the batch.
        refused_too: Also retry shots that were refused for their content, or failed for good.
        prompts: Other prompts for shots, by scene or by shot as in the table: {"tram": "A tram
            climbs a hill"}. A shot with another prompt is another shot, and is bought.
        credentials: The ToAPIs account that pays. Empty: the block named "default".
        bucket: The bucket with the batch. Empty: the block named "default".

    Returns:
        The manifest: a row for each video.

    Raises:
        InvalidBatch: There is no such batch, or nothing of this name in it; nothing was bought.
        BatchFailed: Some shots aren't stored; its `manifest` has the reasons.

    Example:
        ```python
        manifest = await aretry_batch("lisbon", refused_too=True)
        ```
    """
    credentials, bucket = await checked_blocks(credentials, bucket)
    settings = RunSettings(
        retries=RetrySettings(failed_shots="all" if refused_too else "transient"),
        shards=ShardSettings(size=None),  # one run makes all
    )
    name = batch.strip("/")
    async with _open(name, credentials, bucket, settings, prompts) as opened:
        await _check_spending(opened)
        get_run_logger().info("Batch %s in %s: %s", name, bucket.uri(), opened.in_words)
        return await make_checked(opened)


retry_batch = sync_flow(aretry_batch)
"""`aretry_batch` for sync code."""


@asynccontextmanager
async def _open(
    name: str,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings,
    prompts: Mapping[str, str],
) -> AsyncIterator[Batch]:
    """Open a batch with other prompts, and without the shots that its plan can't make."""

    def read(file: PlanFile) -> Plan:
        return _plan_of(file, prompts)

    async with open_planned_batch(name, credentials, bucket, settings, Progress(), read) as batch:
        opened, _ = await read_open(batch)
        under_way = {found.shot.shot_id for found in opened if found.attempt.task_id}
        unmakeable = {
            shot.shot_id: InvalidRequest([_INCOMPLETE]).add_context(shot=shot.label)
            for shot in batch.to_buy
            if shot.shot_id in batch.plan.incomplete and shot.shot_id not in under_way
        }
        yield replace(batch, unprepared=unmakeable)


def _plan_of(file: PlanFile, prompts: Mapping[str, str]) -> Plan:
    shots, faults = with_prompts(file.shots, prompts, file.destination)
    incomplete = _incomplete(file)
    changed = {shot.shot_id for shot in file.shots} - {shot.shot_id for shot in shots}
    faults += [
        f"{shot.label}: {_INCOMPLETE}"
        for shot in file.shots
        if shot.shot_id in changed and shot.shot_id in incomplete
    ]
    if faults:
        raise InvalidBatch(faults)
    spec = BatchSpec(budget_credits=file.budget_credits)
    return Plan(file.batch, shots, spec=spec, destination=file.destination, incomplete=incomplete)


def _incomplete(file: PlanFile) -> frozenset[str]:
    """Return the ids of incomplete shots; those with any URL if an earlier release wrote it."""
    if file.incomplete is not None:
        return frozenset(file.incomplete)
    return frozenset(shot.shot_id for shot in file.shots if "://" in shot.request.model_dump_json())


async def _check_spending(batch: Batch) -> None:
    """Check the budget of the batch, and whether its models are offered.

    Raises:
        InvalidBatch: The budget would be exceeded, or a model is gone; nothing was bought.
    """
    budget = batch.plan.spec.budget_credits
    faults = await unoffered_models(batch)
    if budget is not None:
        cost = await cost_of_run(batch, prices_in_use([]))
        faults += budget_faults(cost, budget, None, None)
    if faults:
        raise InvalidBatch(faults)
