"""Before anything is bought: blocks, plan, bucket, and everything wrong with them in one go."""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TypeVar

from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from prefect_toapis.batches.errors import InvalidBatch, StoreError
from prefect_toapis.batches.inventory import Inventory, take_inventory
from prefect_toapis.batches.naming import RunFacts, batch_name
from prefect_toapis.batches.plan import Plan, Shot, plan_batch
from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.flows.defaults import bucket_or_default, credentials_or_default
from prefect_toapis.flows.order import Order

T = TypeVar("T")

_UNNAMED = "batch"  # to plan with, where the name is one of the faults


@dataclass(frozen=True)
class Ready:
    """A batch that can be carried out.

    Args:
        shots: The plan, each shot in the folder that the bucket has for it.
    """

    batch: str
    credentials: ToAPIsCredentials
    bucket: VideoBucket
    store: BucketStore
    shots: list[Shot]
    inventory: Inventory

    @property
    def to_buy(self) -> list[Shot]:
        """The shots that aren't stored, first those that were sent before: their results expire."""
        missing = [shot for shot in self.shots if not self.inventory.has(shot)]
        return sorted(missing, key=lambda shot: not self.inventory.knows(shot))

    @property
    def uri(self) -> str:
        """Where the batch is."""
        return self.bucket.uri(self.batch)


async def prepare(order: Order) -> Ready:
    """Check everything that can be checked without paying.

    Raises:
        InvalidBatch: With every fault of key, bucket and plan.
    """
    faults = list(order.faults)
    credentials = await _or_fault(credentials_or_default(order.credentials), faults)
    bucket = await _or_fault(bucket_or_default(order.bucket), faults)
    if bucket:
        await _or_fault(_probe(bucket), faults)
    batch = _name(order, faults)
    plan = plan_batch(order.spec, batch, bucket.uri() if bucket else "")
    if order.spec.scenes or not order.faults:  # what a file didn't give isn't a fault of its own
        faults += plan.faults
    if faults or credentials is None or bucket is None:
        raise InvalidBatch(faults)
    store = BucketStore(bucket)
    inventory = take_inventory(batch, await store.list_keys(f"{batch}/"))
    shots = [inventory.place(shot) for shot in plan.shots]
    ready = Ready(batch, credentials, bucket, store, shots, inventory)
    _announce(order, plan, ready)
    return ready


async def _or_fault(wanted: Awaitable[T], faults: list[str]) -> T | None:
    try:
        return await wanted
    except (ValueError, StoreError) as error:
        faults.append(str(error))
        return None


async def _probe(bucket: VideoBucket) -> None:
    traits = await BucketStore(bucket).probe()
    if not traits.conditional_create:
        get_run_logger().warning(
            "The store behind %s ignores conditional writes: have one run of a batch at a time",
            bucket.uri(),
        )


def _name(order: Order, faults: list[str]) -> str:
    now = datetime.now(timezone.utc)
    facts = RunFacts(now, flow_run.scheduled_start_time or now, str(flow_run.id))
    try:
        return batch_name(order.spec.batch, facts, order.spec.settings.time_zone)
    except ValueError as error:
        faults.append(str(error))
        return _UNNAMED


def _announce(order: Order, plan: Plan, ready: Ready) -> None:
    logger = get_run_logger()
    for note in plan.notes:
        logger.warning(note)
    stored = len(ready.shots) - len(ready.to_buy)
    logger.info(
        "Batch %s in %s: %d shot%s: %d stored, %d to buy",
        ready.batch,
        ready.bucket.uri(),
        len(ready.shots),
        "" if len(ready.shots) == 1 else "s",
        stored,
        len(ready.to_buy),
    )
    if order.spec.batch is None:
        logger.info('To continue this batch, run it again with batch="%s"', ready.batch)
