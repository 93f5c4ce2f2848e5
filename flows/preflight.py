"""Before anything is bought: blocks, plan, bucket, and everything wrong with them in one go."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TypeVar

from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from prefect_toapis.batches.characters import distinct
from prefect_toapis.batches.errors import InvalidBatch, StoreError
from prefect_toapis.batches.inventory import Inventory, take_inventory
from prefect_toapis.batches.naming import RunFacts, batch_name
from prefect_toapis.batches.plan import Plan, Shot, plan_batch
from prefect_toapis.batches.registry import read_known
from prefect_toapis.batches.spec import Character
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
        usernames: Of the characters that were made, by name.
        missing: The characters that must be made before a shot can be, by the shot's id.
    """

    batch: str
    credentials: ToAPIsCredentials
    bucket: VideoBucket
    store: BucketStore
    shots: list[Shot]
    inventory: Inventory
    usernames: Mapping[str, str]
    missing: Mapping[str, list[Character]]

    @property
    def to_make(self) -> list[Character]:
        """The characters that the shots to buy need, and nobody made yet: each once."""
        needed = [one for shot in self.to_buy for one in self.missing.get(shot.shot_id, [])]
        return list(distinct(needed).values())

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
    credentials, bucket = await blocks_or_faults(order.credentials, order.bucket, faults)
    batch = _name(order, faults)
    plan = plan_batch(order.spec, batch, bucket.uri() if bucket else "")
    if order.spec.scenes or not order.faults:  # what a file didn't give isn't a fault of its own
        faults += plan.faults
    if faults or credentials is None or bucket is None:
        raise InvalidBatch(faults)
    store = BucketStore(bucket)
    inventory = take_inventory(batch, await store.list_keys(f"{batch}/"))
    usernames = await read_known(order.spec.characters, store)
    bare = Ready(batch, credentials, bucket, store, [], inventory, {}, {})
    ready = with_usernames(bare, order, usernames)
    _announce(order, plan, ready)
    return ready


def with_usernames(ready: Ready, order: Order, usernames: Mapping[str, str]) -> Ready:
    """The same batch, planned with more usernames of characters that were made, by name."""
    known = {**ready.usernames, **usernames}
    plan = plan_batch(order.spec, ready.batch, ready.bucket.uri(), known)
    shots = [ready.inventory.place(shot) for shot in plan.shots]
    return replace(ready, shots=shots, usernames=known, missing=plan.missing)


async def blocks_or_faults(
    credentials: ToAPIsCredentials | None, bucket: VideoBucket | None, faults: list[str]
) -> tuple[ToAPIsCredentials | None, VideoBucket | None]:
    """The blocks to use, the bucket probed; what is wrong with them is added to the faults."""
    account = await _or_fault(credentials_or_default(credentials), faults)
    store = await _or_fault(bucket_or_default(bucket), faults)
    if store:
        await _or_fault(_probe(store), faults)
    return account, store


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
        "Batch %s in %s: %d shot%s: %d stored, %d to buy%s",
        ready.batch,
        ready.bucket.uri(),
        len(ready.shots),
        "" if len(ready.shots) == 1 else "s",
        stored,
        len(ready.to_buy),
        _characters(len(ready.to_make)),
    )
    if order.spec.batch is None:
        logger.info('To continue this batch, run it again with batch="%s"', ready.batch)


def _characters(count: int) -> str:
    return f"; {count} character{'' if count == 1 else 's'} to make" if count else ""
