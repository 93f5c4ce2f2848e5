"""A batch opened by a flow: its plan, and the state of its shots in the bucket."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from prefect.logging import get_run_logger
from stamina import BoundAsyncRetryingCaller

from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.account import Account
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.errors import DocumentDamaged
from prefect_toapis.flows.batch_contents import read_stored_shots
from prefect_toapis.flows.progress import Progress
from prefect_toapis.planning.casting import Made
from prefect_toapis.planning.plan import Plan, Shot
from prefect_toapis.planning.pricing import Cost
from prefect_toapis.planning.retakes import with_retakes
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.planning.spec import Character
from prefect_toapis.records.attempts import read_record
from prefect_toapis.records.characters import distinct
from prefect_toapis.records.inventory import Inventory, take_inventory
from prefect_toapis.records.layout import SHOT_FILE, plan_key, shot_key
from prefect_toapis.records.plan_file import PlanFile, orphaned_shots, plan_from_record, read_plan
from prefect_toapis.records.store import Entry
from prefect_toapis.records.stored_shots import StoredShot
from prefect_toapis.tasks.options import Bind, account_of, bind_to, retry_policy_of


@dataclass(frozen=True)
class Batch:
    """A batch that a run works on, valid while `open_batch` has it open.

    Args:
        plan: Its shots, and the characters and files that they need.
        settings: Of the run.
        credentials: Of the account that pays.
        account: Of the credentials, with the limits of the settings.
        bucket: Contains the batch.
        inventory: The state of the shots, from the keys in the bucket.
        shots: The shots of the plan that this run handles, with their existing folders.
        stored: The content of `shot.json` of each stored shot, by its key.
        blocked: Why some shots must not be processed, by shot id.
        broken: Faults of shots that were stored and are now damaged or incomplete, by the key of
            their `shot.json`.
        orphaned: Shots of earlier plans that were submitted, aren't stored, and aren't in the plan.
        progress: The phase of each shot during the run.
        cost: From the price table; None if the run doesn't count credits.
        unprepared: Why the characters or files of some shots aren't available, by shot id.
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
        """Name of the batch; also its folder in the bucket."""
        return self.plan.batch

    @property
    def uri(self) -> str:
        """URI of its folder."""
        return self.bucket.uri(self.name)

    @property
    def store(self) -> BucketStore:
        """The bucket as an async store."""
        return BucketStore(self.bucket)

    def with_retries(self) -> BoundAsyncRetryingCaller:
        """Return a caller that retries bucket operations while the bucket is unavailable."""
        return retry_policy_of(self.settings).caller()

    @property
    def bind(self) -> Bind:
        """Binds the blocks and settings of this batch to a task."""
        return bind_to(self.credentials, self.bucket, self.settings)

    @property
    def to_make(self) -> list[Character]:
        """The characters that shots to buy need and that don't exist yet, without duplicates."""
        missing = self.plan.missing
        needed = [character for shot in self.to_buy for character in missing.get(shot.shot_id, [])]
        return list(distinct(needed).values())

    @property
    def to_buy(self) -> list[Shot]:
        """The shots that aren't stored; submitted ones first, because their results expire."""
        missing = [shot for shot in self.shots if not self.inventory.is_stored(shot)]
        return sorted(missing, key=lambda shot: not self.inventory.was_submitted(shot))

    @property
    def shard_count(self) -> int:
        """Number of runs that the batch is split into; 1: not split."""
        return shard_count(len(self.to_buy), self.settings.shards.size)

    @property
    def in_words(self) -> str:
        """Summary of stored shots, shots to buy, and cost."""
        stored, shards = len(self.shots) - len(self.to_buy), self.shard_count
        parts = [
            f"{_count(len(self.shots), 'shot')}: {stored} stored, {len(self.to_buy)} to buy",
            f"{_count(len(self.to_make), 'character')} to make" if self.to_make else "",
            f"for {self.cost.in_words}" if self.cost else "",
            f"in {shards} shards" if shards > 1 else "",
        ]
        return "; ".join(filter(None, parts))

    def with_characters(self, made: Mapping[str, Made]) -> "Batch":
        """Return the batch with newly made characters, given by name."""
        plan = with_retakes(self.plan.with_characters(made), self.plan.retakes)
        shots = [self.inventory.with_existing_folder(shot) for shot in plan.shots]
        return replace(self, plan=plan, shots=shots)

    def start_progress(self) -> None:
        """Set the phase of each shot: stored, or waiting."""
        for shot in self.shots:
            stored = self.inventory.is_stored(shot)
            self.progress.set(shot.label, "stored" if stored else "waiting")

    def only(self, shot_ids: Collection[str]) -> "Batch":
        """Return the batch restricted to some of its shots, including orphaned ones."""
        shots = [shot for shot in [*self.shots, *self.orphaned] if shot.shot_id in shot_ids]
        return replace(self, shots=shots)

    def plan_file(self, shards: list[list[str]] | None = None) -> PlanFile:
        """Return the content of `plan.json`.

        Args:
            shards: If the batch is split: the shot ids of each shard.
        """
        return PlanFile(
            batch=self.name,
            plan=self.in_words,
            destination=self.bucket.uri(),
            shots=self.shots,
            left=self.orphaned,
            shards=shards or [],
            incomplete=[shot.shot_id for shot in self.shots if self._is_incomplete(shot)],
            budget_credits=self.plan.spec.budget_credits,
        )

    def _is_incomplete(self, shot: Shot) -> bool:
        """Return whether the plan in the bucket can't have all that is sent for a shot."""
        known = {*self.plan.incomplete, *self.plan.missing}
        return shot.shot_id in known or shot.shown().candidates != shot.candidates


@asynccontextmanager
async def open_batch(  # noqa: PLR0913 - all of them differ by caller
    plan: Plan,
    *,
    entries: Mapping[str, Entry],
    earlier: PlanFile | None,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings,
    progress: Progress,
) -> AsyncIterator[Batch]:
    """Open a batch: read its state from the bucket, and hold the limits of the account.

    Stored shots are compared with the listing. A `shot.json` that is temporarily unreadable counts
    as stored, because it is read again at the end of the run.

    Args:
        plan: From a spec, or from `plan.json`.
        entries: From `list_batch`.
        earlier: The plan in the bucket; None for a new batch.
        credentials: Of the account that pays.
        bucket: Contains the batch.
        settings: Of the run.
        progress: Updated with the phase of each shot.

    Raises:
        StoreError: The bucket is unavailable.
    """
    store = BucketStore(bucket)
    retries = retry_policy_of(settings).caller()
    inventory = take_inventory(plan.batch, entries)
    keys = [f"{inventory.folders[short]}/{SHOT_FILE}" for short in sorted(inventory.stored)]
    stored = await read_stored_shots(keys, entries, store, retries)
    readable_later = {*stored.found, *stored.unread}
    shots = [inventory.with_existing_folder(shot) for shot in plan.shots]
    missing = [shot for shot in shots if shot_key(shot) not in readable_later]
    planned = {shot.shot_id for shot in shots}
    lost = [inventory.with_existing_folder(entry.shot) for entry in stored.gone.values()]
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
    """List the objects of a batch, by key.

    Args:
        batch: Name of the batch.
        store: Contains the batch.
        settings: `retries.client_seconds`.

    Raises:
        StoreError: The bucket is unavailable.
    """
    retries = retry_policy_of(settings).caller()
    return await retries(store.list_entries, f"{batch}/")


async def read_earlier_plan(
    batch: str, entries: Mapping[str, Entry], store: BucketStore, settings: RunSettings
) -> PlanFile | None:
    """Read the plan of a batch, rebuilt from its record if the plan is missing or damaged.

    Args:
        batch: Name of the batch.
        entries: From `list_batch`.
        store: Contains the batch.
        settings: `retries.client_seconds`.

    Returns:
        None for a new batch.

    Raises:
        DocumentTooNew: A later version of this package wrote the plan.
        StoreError: The bucket is unavailable.
    """
    key, retries = plan_key(batch), retry_policy_of(settings).caller()
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
    """Return the number of shards of a batch; 1: it isn't split.

    Args:
        shots: Number of shots to make.
        size: Maximum number of shots in a shard; None: unlimited.

    Example:
        >>> shard_count(1001, 500)
        3
    """
    return 1 if size is None else max(1, -(-shots // size))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
