"""Before anything is bought: blocks, plan, bucket, costs, and everything wrong in one go."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from prefect.logging import get_run_logger
from stamina import BoundAsyncRetryingCaller

from prefect_toapis.batches.characters import MadeCharacter, distinct
from prefect_toapis.batches.errors import DocumentTooNew, InvalidBatch, ObjectRefused, StoreError
from prefect_toapis.batches.files import File
from prefect_toapis.batches.inventory import SHOT_FILE, Inventory, take_inventory
from prefect_toapis.batches.manifest import StoredShot, shot_key
from prefect_toapis.batches.naming import batch_name
from prefect_toapis.batches.plan import Plan, Shot, plan_batch
from prefect_toapis.batches.plan_file import PlanFile
from prefect_toapis.batches.prices import Cost, budget_faults
from prefect_toapis.batches.registry import read_known
from prefect_toapis.batches.shards import shard_count
from prefect_toapis.batches.spec import BatchSpec, Character
from prefect_toapis.batches.store import Entry
from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.flows.costs import ask_balance, cost_of_run
from prefect_toapis.flows.defaults import bucket_or_default, credentials_or_default
from prefect_toapis.flows.earlier_plans import read_earlier_plan
from prefect_toapis.flows.order import Order
from prefect_toapis.flows.run_names import run_facts
from prefect_toapis.flows.run_tasks import RunTasks
from prefect_toapis.flows.shard_checks import shard_faults
from prefect_toapis.flows.sources import Sources, read_sources
from prefect_toapis.flows.stored_shots import read_stored_shots
from prefect_toapis.tasks.steps import is_private

T = TypeVar("T")

_UNNAMED = "batch"  # to plan with, where the name is one of the faults


@dataclass(frozen=True)
class Ready:
    """A batch that can be carried out.

    Args:
        spec: With references in place of files, and task ids in place of earlier shots.
        files: Where the contents are that it refers to, by reference.
        shots: The plan, each shot in the folder that the bucket has for it.
        made: The characters that were made, by name.
        missing: The characters that must be made before a shot can be, by the shot's id.
        cost: By the price table; None where there is none.
        stored: What `shot.json` says of each shot that is stored, by its key.
        blocked: Why nothing may be done for some shots, by the shots' ids.
        broken: What is wrong with those that were stored and aren't any more, by the key of their
            `shot.json`.
        earlier: The plan until now; None for a new batch.
        gone: The shots that aren't in the plan, and whose videos are gone since they were stored.
    """

    batch: str
    spec: BatchSpec
    files: Mapping[str, File]
    credentials: ToAPIsCredentials
    bucket: VideoBucket
    inventory: Inventory
    shots: list[Shot] = field(default_factory=list)
    made: Mapping[str, MadeCharacter] = field(default_factory=dict)
    missing: Mapping[str, list[Character]] = field(default_factory=dict)
    cost: Cost | None = None
    stored: Mapping[str, StoredShot] = field(default_factory=dict)
    blocked: Mapping[str, ToAPIsError] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    earlier: PlanFile | None = None
    gone: list[Shot] = field(default_factory=list)

    @property
    def store(self) -> BucketStore:
        """The bucket, for async code."""
        return BucketStore(self.bucket)

    def patient(self) -> BoundAsyncRetryingCaller:
        """Calls what reads or writes the bucket, and tries it again while it is out of order."""
        return RetryPolicy(budget=self.spec.settings.retry_seconds).caller()

    @property
    def tasks(self) -> RunTasks:
        """The tasks, with this run's blocks and settings."""
        return RunTasks(self.credentials, self.bucket, self.spec.settings)

    @property
    def to_make(self) -> list[Character]:
        """The characters that the shots to buy need, and nobody made yet: each once."""
        needed = [one for shot in self.to_buy for one in self.missing.get(shot.shot_id, [])]
        return list(distinct(needed).values())

    @property
    def to_buy(self) -> list[Shot]:
        """The shots that aren't stored, first those that were sent before: their results expire."""
        missing = [shot for shot in self.shots if not self.inventory.is_stored(shot)]
        return sorted(missing, key=lambda shot: not self.inventory.was_submitted(shot))

    @property
    def shards(self) -> int:
        """How many runs make it; 1: this one alone."""
        return shard_count(len(self.to_buy), self.spec.settings.shard_size)

    @property
    def uri(self) -> str:
        """Where the batch is."""
        return self.bucket.uri(self.batch)

    @property
    def in_words(self) -> str:
        """What is stored, to buy, and its cost."""
        stored = len(self.shots) - len(self.to_buy)
        parts = [
            f"{_count(len(self.shots), 'shot')}: {stored} stored, {len(self.to_buy)} to buy",
            f"{_count(len(self.to_make), 'character')} to make" if self.to_make else "",
            f"for {self.cost.in_words}" if self.cost else "",
            f"in {self.shards} shards" if self.shards > 1 else "",
        ]
        return "; ".join(filter(None, parts))

    def knowing(self, made: Mapping[str, MadeCharacter]) -> "Ready":
        """The same batch, planned with more characters that were made, by name."""
        known = {**self.made, **made}
        plan = plan_batch(self.spec, self.batch, self.bucket.uri(), known)
        shots = [self.inventory.with_existing_folder(shot) for shot in plan.shots]
        return replace(self, shots=shots, made=known, missing=plan.missing)

    async def checked(self, entries: Mapping[str, Entry]) -> "Ready":
        """The same batch, whose stored shots were read and compared with the bucket.

        What can't be read now counts as stored: the bucket's state decides at the end of the run.

        Args:
            entries: What the bucket lists below the batch.
        """
        inventory = self.inventory
        keys = [f"{inventory.folders[short]}/{SHOT_FILE}" for short in sorted(inventory.stored)]
        stored = await read_stored_shots(keys, entries, self.store, self.patient())
        there = {*stored.found, *stored.unread}
        missing = [shot for shot in self.shots if shot_key(shot) not in there]
        planned = {shot.shot_id for shot in self.shots}
        gone = [
            inventory.with_existing_folder(one.shot)
            for one in stored.gone.values()
            if one.shot.shot_id not in planned
        ]
        inventory = inventory.without([*missing, *gone])
        blocked = stored.blocked(self.shots, inventory, self.store)
        return replace(
            self,
            inventory=inventory,
            stored=stored.found,
            blocked=blocked,
            broken=stored.broken,
            gone=gone,
        )


async def prepare(order: Order) -> Ready:
    """Check everything that can be checked without paying.

    Raises:
        InvalidBatch: With every fault of key, bucket, files, plan and budget.
    """
    faults = list(order.faults)
    credentials, bucket = await blocks_or_faults(order.credentials, order.bucket, faults)
    balance = await ask_balance(credentials, order.spec.settings, faults) if credentials else None
    batch = _name(order, faults)
    sources = await read_sources(order.spec, bucket) if bucket else Sources(order.spec, {}, [])
    place = bucket.uri() if bucket else ""
    plan = plan_batch(sources.spec, batch, place)
    private = plan.faults and credentials and await is_private(credentials)
    if private:
        plan = plan_batch(sources.spec, batch, place, private=True)
    faults += sources.faults
    if order.spec.scenes or not order.faults:  # what a file didn't give isn't a fault of its own
        faults += plan.faults
    if credentials is None or bucket is None:
        raise InvalidBatch(faults)
    ready = await _survey(batch, sources, credentials, bucket, faults)
    if _counts_credits(order.spec):
        ready = replace(ready, cost=await cost_of_run(ready, order.spec.settings))
        limits = order.spec.budget_credits, order.spec.settings.keep_credits
        faults += budget_faults(ready.cost or Cost(), *limits, balance)
    if ready.shards > 1:
        deployment = order.spec.settings.shard_deployment
        faults += await shard_faults(ready.to_buy, credentials, bucket, deployment)
    if faults:
        raise InvalidBatch(faults)
    _announce(order, plan, ready)
    return ready


async def blocks_or_faults(
    credentials: ToAPIsCredentials | None, bucket: VideoBucket | None, faults: list[str]
) -> tuple[ToAPIsCredentials | None, VideoBucket | None]:
    """The blocks to use, the bucket probed; what is wrong with them is added to the faults."""
    account = await _or_fault(credentials_or_default(credentials), faults)
    store = await _or_fault(bucket_or_default(bucket), faults)
    return account, store and await _or_fault(_probed(store), faults)


async def _or_fault(wanted: Awaitable[T], faults: list[str]) -> T | None:
    try:
        return await wanted
    except (ValueError, StoreError) as error:
        faults.append(str(error))
        return None


async def _probed(bucket: VideoBucket) -> VideoBucket:
    traits = await BucketStore(bucket).probe()
    if not traits.conditional_create:
        get_run_logger().warning(
            "The store behind %s ignores conditional writes: have one run of a batch at a time",
            bucket.uri(),
        )
    return bucket


async def _survey(
    batch: str,
    sources: Sources,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    faults: list[str],
) -> Ready:
    """The batch with what the bucket knows of it; what may not be replaced is a fault."""
    store = BucketStore(bucket)
    entries = await store.list_entries(f"{batch}/")
    inventory = take_inventory(batch, entries)
    bare = Ready(batch, sources.spec, sources.files, credentials, bucket, inventory)
    try:
        earlier = await read_earlier_plan(batch, inventory, store, bare.patient())
    except (DocumentTooNew, ObjectRefused) as error:
        faults.append(str(error))
        earlier = None
    try:
        ready = bare.knowing(await read_known(sources.spec.characters, store))
    except (DocumentTooNew, ObjectRefused) as error:
        faults.append(str(error))
        ready = bare
    return replace(await ready.checked(entries), earlier=earlier)


def _counts_credits(spec: BatchSpec) -> bool:
    settings = spec.settings
    limits = (spec.budget_credits, settings.keep_credits)
    return bool(settings.prices) or any(limit is not None for limit in limits)


def _name(order: Order, faults: list[str]) -> str:
    try:
        return batch_name(order.spec.batch, run_facts(), order.spec.settings.time_zone)
    except ValueError as error:
        faults.append(str(error))
        return _UNNAMED


def _announce(order: Order, plan: Plan, ready: Ready) -> None:
    logger = get_run_logger()
    for note in plan.notes:
        logger.warning(note)
    logger.info("Batch %s in %s: %s", ready.batch, ready.bucket.uri(), ready.in_words)
    if order.spec.batch is None:
        logger.info('To continue this batch, run it again with batch="%s"', ready.batch)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
