"""One batch in the hands of a flow: its plan, and what the bucket holds of it."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from prefect.logging import get_run_logger
from stamina import BoundAsyncRetryingCaller

from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.account import Account
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.errors import DocumentDamaged
from prefect_toapis.flows.batch_contents import read_stored_shots
from prefect_toapis.flows.progress import Progress
from prefect_toapis.planning.casting import Made
from prefect_toapis.planning.plan import Plan, Shot
from prefect_toapis.planning.pricing import Cost
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.planning.spec import Character
from prefect_toapis.records.attempts import read_record
from prefect_toapis.records.characters import distinct
from prefect_toapis.records.inventory import Inventory, take_inventory
from prefect_toapis.records.layout import SHOT_FILE, plan_key, shot_key
from prefect_toapis.records.plan_file import (
    PlanFile,
    orphaned_shots,
    plan_from_record,
    read_plan,
)
from prefect_toapis.records.store import Entry
from prefect_toapis.records.stored_shots import StoredShot
from prefect_toapis.tasks.options import Bind, account_of, bind_to


@dataclass(frozen=True)
class Batch:
    """A batch that a run works on, as long as `open_batch` has it open.

    Args:
        plan: Its shots, and the characters and files that they need.
        settings: Of the run.
        credentials: Whose account pays.
        account: Of the credentials, with the settings' limits.
        bucket: Where it is.
        inventory: What the bucket's keys say of its shots.
        shots: Those of the plan that the run is about, each in the folder that the bucket has for
            it.
        stored: What `shot.json` says of each shot that is stored, by its key.
        blocked: Why nothing may be done for some shots, by the shots' ids.
        broken: What is wrong with those that were stored and aren't any more, by the key of their
            `shot.json`.
        orphaned: Shots of earlier plans that were sent, aren't stored, and aren't in the plan.
        progress: Where each shot is, while the run works.
        cost: By the price table; None where the run doesn't count credits.
        unprepared: Why the characters or files of some shots couldn't be had, by the shots' ids.
    """

    plan: Plan
    settings: RunSettings
    credentials: ToAPIsCredentials
    account: Account
    bucket: VideoBucket
    inventory: Inventory
    shots: list[Shot]
    stored: Mapping[str, StoredShot]
    blocked: Mapping[str, ToAPIsError]
    broken: Mapping[str, str]
    orphaned: list[Shot]
    progress: Progress
    cost: Cost | None = None
    unprepared: Mapping[str, ToAPIsError] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As users call it; also its folder in the bucket."""
        return self.plan.batch

    @property
    def uri(self) -> str:
        """Where it is."""
        return self.bucket.uri(self.name)

    @property
    def store(self) -> BucketStore:
        """The bucket, for async code."""
        return BucketStore(self.bucket)

    def with_retries(self) -> BoundAsyncRetryingCaller:
        """Calls what reads or writes the bucket, and tries it again while it is unavailable."""
        return RetryPolicy(budget=self.settings.retries.client_seconds).caller()

    @property
    def bind(self) -> Bind:
        """Gives a step the blocks and settings of this batch."""
        return bind_to(self.credentials, self.bucket, self.settings)

    @property
    def to_make(self) -> list[Character]:
        """The characters that the shots to buy need and that aren't made yet, each once."""
        missing = self.plan.missing
        needed = [one for shot in self.to_buy for one in missing.get(shot.shot_id, [])]
        return list(distinct(needed).values())

    @property
    def to_buy(self) -> list[Shot]:
        """The shots that aren't stored, first those that were sent before: their results expire."""
        missing = [shot for shot in self.shots if not self.inventory.is_stored(shot)]
        return sorted(missing, key=lambda shot: not self.inventory.was_submitted(shot))

    @property
    def shard_count(self) -> int:
        """How many runs make it; 1: this one alone."""
        return shard_count(len(self.to_buy), self.settings.shards.size)

    @property
    def in_words(self) -> str:
        """What is stored, to buy, and its cost."""
        stored, shards = len(self.shots) - len(self.to_buy), self.shard_count
        parts = [
            f"{_count(len(self.shots), 'shot')}: {stored} stored, {len(self.to_buy)} to buy",
            f"{_count(len(self.to_make), 'character')} to make" if self.to_make else "",
            f"for {self.cost.in_words}" if self.cost else "",
            f"in {shards} shards" if shards > 1 else "",
        ]
        return "; ".join(filter(None, parts))

    def with_characters(self, made: Mapping[str, Made]) -> "Batch":
        """The same batch, planned with more characters that were made, by name."""
        plan = self.plan.with_characters(made)
        shots = [self.inventory.with_existing_folder(shot) for shot in plan.shots]
        return replace(self, plan=plan, shots=shots)

    def only(self, shot_ids: Collection[str]) -> "Batch":
        """The same batch, for a run that is about some of its shots, orphaned ones too."""
        shots = [one for one in [*self.shots, *self.orphaned] if one.shot_id in shot_ids]
        return replace(self, shots=shots)

    def plan_file(self, shards: list[list[str]] | None = None) -> PlanFile:
        """What `plan.json` is to hold.

        Args:
            shards: Where the batch is split: the ids of the shots that each run makes.
        """
        return PlanFile(
            batch=self.name,
            plan=self.in_words,
            destination=self.bucket.uri(),
            shots=self.shots,
            left=self.orphaned,
            shards=shards or [],
        )


@asynccontextmanager
async def open_batch(  # noqa: PLR0913 - what it works with
    plan: Plan,
    *,
    entries: Mapping[str, Entry],
    earlier: PlanFile | None,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings,
    progress: Progress,
) -> AsyncIterator[Batch]:
    """A batch with what the bucket holds of it, and the account that it works with.

    Its stored shots are compared with the listing. What can't be read now counts as stored: the
    bucket's state decides at the end of the run. The account's limits hold until the batch is left.

    Args:
        plan: From a spec, or from the bucket's own plan.
        entries: As `list_batch` found them.
        earlier: The plan that the bucket has; None for a new batch.
        credentials: Whose account pays.
        bucket: Where the batch is.
        settings: Of the run.
        progress: Keeps where each shot is.

    Raises:
        StoreError: The bucket doesn't answer.
    """
    store, retries = (
        BucketStore(bucket),
        RetryPolicy(budget=settings.retries.client_seconds).caller(),
    )
    inventory = take_inventory(plan.batch, entries)
    keys = [f"{inventory.folders[short]}/{SHOT_FILE}" for short in sorted(inventory.stored)]
    stored = await read_stored_shots(keys, entries, store, retries)
    there = {*stored.found, *stored.unread}
    shots = [inventory.with_existing_folder(shot) for shot in plan.shots]
    missing = [shot for shot in shots if shot_key(shot) not in there]
    planned = {shot.shot_id for shot in shots}
    lost = [inventory.with_existing_folder(one.shot) for one in stored.gone.values()]
    gone = [shot for shot in lost if shot.shot_id not in planned]
    inventory = inventory.without([*missing, *gone])
    with account_of(credentials, settings) as account:
        yield Batch(
            plan=plan,
            settings=settings,
            credentials=credentials,
            account=account,
            bucket=bucket,
            inventory=inventory,
            shots=shots,
            stored=stored.found,
            blocked=stored.blocked(shots, inventory, store),
            broken=stored.broken,
            orphaned=orphaned_shots(earlier, shots, inventory, gone),
            progress=progress,
        )


async def list_batch(batch: str, store: BucketStore, settings: RunSettings) -> Mapping[str, Entry]:
    """What the bucket has below a batch, by key.

    Args:
        batch: Its name.
        store: Where it is.
        settings: For how long the store is tried again while it is unavailable.

    Raises:
        StoreError: The bucket doesn't answer.
    """
    retries = RetryPolicy(budget=settings.retries.client_seconds).caller()
    return await retries(store.list_entries, f"{batch}/")


async def read_earlier_plan(
    batch: str, entries: Mapping[str, Entry], store: BucketStore, settings: RunSettings
) -> PlanFile | None:
    """The plan of a batch, or the shots of its record if the plan is missing or damaged.

    Args:
        batch: Its name.
        entries: As `list_batch` found them.
        store: Where it is.
        settings: For how long the store is tried again while it is unavailable.

    Returns:
        None for a new batch.

    Raises:
        DocumentTooNew: A later version of this package wrote the plan.
        StoreError: The bucket doesn't answer.
    """
    key, retries = plan_key(batch), RetryPolicy(budget=settings.retries.client_seconds).caller()
    content = await retries(store.read, key)
    try:
        if content is not None:
            return read_plan(content, key, store.uri(key))
        if not take_inventory(batch, entries).records:
            return None
    except DocumentDamaged as damage:
        get_run_logger().warning("%s; it is made anew from the record", damage.message)
    return plan_from_record(batch, store.uri(), await retries(read_record, batch, store))


def shard_count(shots: int, size: int | None) -> int:
    """Into how many shards a batch is split; 1: it isn't.

    Args:
        shots: That are to be made.
        size: The most of them in a shard; None: no bound.

    Example:
        >>> shard_count(1001, 500)
        3
    """
    return 1 if size is None else max(1, -(-shots // size))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
