"""The outcomes of a run, and the manifest that it ends with."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from prefect.logging import get_run_logger

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.errors import GenerationShared, ManifestNotWritten, StoreMissing
from prefect_toapis.flows.batch import Batch
from prefect_toapis.flows.batch_contents import read_stored_shots
from prefect_toapis.flows.picks import stored_picks
from prefect_toapis.flows.progress import best_effort
from prefect_toapis.flows.publish import publish
from prefect_toapis.planning.identity import FOLDER_ID, business_id
from prefect_toapis.planning.plan import Shot
from prefect_toapis.planning.price_files import prices_in_use
from prefect_toapis.planning.pricing import creation_credits
from prefect_toapis.planning.spending import CharacterSpending, spent_on
from prefect_toapis.records.generations import Generation
from prefect_toapis.records.layout import SHOT_FILE, picks_key, shot_key
from prefect_toapis.records.stored_shots import StoredShot, Unstored
from prefect_toapis.reports.artifacts import headline
from prefect_toapis.reports.credits import spent_by_run, with_credits
from prefect_toapis.reports.manifest import Manifest, ManifestRow
from prefect_toapis.reports.manifest_rows import build_manifest, with_picks

_IDS_PER_LINE = 50  # of the log: Prefect drops lines that are too long

# The bucket existed: each run probes it before buying anything.
BUCKET_LOST = (
    "Bring the bucket back with what was in it before running the batch again: without the record "
    "in it, another run pays for everything anew."
)


@dataclass
class Outcomes:
    """The outcomes of the shots of a run.

    Args:
        stored: The content of `shot.json` of each stored shot, by its key.
        unstored: Why the other shots aren't stored, by shot id.
        accepted: The generations that the run waits for, by shot id.
        rendering: Ids of shots that were submitted without waiting.
        causes: Why, in a few words, by shot id; without those of shards.
        stopped: The error that stopped further submissions; None if there was none.
        characters: What was spent on characters in this run.
        owners: The shot of each generation, by task id.
    """

    stored: dict[str, StoredShot] = field(default_factory=dict)
    unstored: dict[str, Unstored] = field(default_factory=dict)
    causes: dict[str, str] = field(default_factory=dict)
    accepted: dict[str, Generation] = field(default_factory=dict)
    rendering: set[str] = field(default_factory=set)
    stopped: ToAPIsError | None = None
    characters: list[CharacterSpending] = field(default_factory=list)
    owners: dict[str, Shot] = field(default_factory=dict)

    @classmethod
    def after(cls, stored: Mapping[str, StoredShot]) -> "Outcomes":
        """Return the initial outcomes of a run, from stored shots by the key of `shot.json`."""
        owners = {entry.task_id: entry.shot for entry in stored.values()}
        return cls(stored=dict(stored), owners=owners)

    def accept(self, shot: Shot, generation: Generation) -> None:
        """Record that a shot's submission was accepted, in this run or an earlier one.

        Raises:
            GenerationShared: The generation already belongs to another shot.
        """
        owner = self.owners.setdefault(generation.task_id, shot)
        if owner.shot_id != shot.shot_id:
            what = (
                f"the provider gave generation {generation.task_id} for this submission and for "
                f"that of {owner.label}, whose video it is taken for"
            )
            raise GenerationShared(
                what,
                shot=shot.label,
                task_id=generation.task_id,
                business_id=generation.business_id,
            )
        self.accepted[shot.shot_id] = generation

    def bought(self, batch: Batch) -> bool:
        """Return whether anything of the batch was bought, or may be, in this run or before."""
        return bool(
            self.accepted
            or any(spending.money != "not spent" for spending in self.characters)
            or any(spent_on(why) != "not spent" for why in self.unstored.values())
            or any(batch.inventory.was_submitted(shot) for shot in batch.shots)
        )

    def manifest(self, batch: Batch, why: str) -> Manifest:
        """Build the manifest from what the run knows, without reading the bucket.

        Args:
            batch: The batch.
            why: Why the run failed, or can't read the bucket.
        """
        stored = {entry.shot.shot_id for entry in self.stored.values()}
        unknown = {
            shot.shot_id: self._unaccounted(batch, shot, why)
            for shot in batch.shots
            if shot.shot_id not in stored
        }
        unstored = {**unknown, **self.unstored}
        manifest = build_manifest(
            batch.name, batch.uri, batch.shots, self.stored.values(), unstored, batch.orphaned
        )
        return _accounted(manifest, batch)

    def so_far(self, batch: Batch) -> Manifest:
        """Build the manifest of a running batch from what the run knows."""
        under_way = {
            shot_id: Unstored(
                status="open",
                task_id=generation.task_id,
                business_id=generation.business_id,
                money="spent",
            )
            for shot_id, generation in self.accepted.items()
        }
        unstored = {**under_way, **self.unstored}
        manifest = build_manifest(
            batch.name, batch.uri, batch.shots, self.stored.values(), unstored, batch.orphaned
        )
        return _accounted(manifest, batch)

    def _unaccounted(self, batch: Batch, shot: Shot, why: str) -> Unstored:
        """Describe a shot that has no outcome."""
        if generation := self.accepted.get(shot.shot_id):
            return Unstored(
                status="open",
                reason=f"generation {generation.task_id} was accepted, then: {why}",
                task_id=generation.task_id,
                business_id=generation.business_id,
                money="spent",
            )
        if batch.inventory.is_stored(shot):
            reason = f"stored by an earlier run as {batch.bucket.uri(shot_key(shot))}, but: {why}"
            return Unstored(status="open", reason=reason, money="spent")
        if batch.inventory.was_submitted(shot):
            reason = f"sent by an earlier run, and not looked at in this one: {why}"
            return Unstored(status="open", reason=reason, money="maybe spent")
        return Unstored(status="planned", reason=f"not submitted: {why}", money="not spent")


@contextmanager
def manifest_on_error(batch: Batch, outcomes: Outcomes) -> Iterator[None]:
    """If a run fails, raise an error with a manifest that names everything that was bought.

    Args:
        batch: The batch.
        outcomes: Of the run; read when it fails.

    Raises:
        ManifestNotWritten: An error occurred after anything of the batch was bought.
    """
    try:
        yield
    except ManifestNotWritten:  # by a part of the run, which knows more
        raise
    except Exception as error:
        if not outcomes.bought(batch):
            raise
        manifest = outcomes.manifest(batch, cause_in_words(error))
        raise not_written(manifest, outcomes.characters, error) from error


def not_written(
    manifest: Manifest, characters: Sequence[CharacterSpending], cause: Exception
) -> ManifestNotWritten:
    """Return the error for a manifest that exists only in memory, and log its generations.

    Args:
        manifest: Of the batch.
        characters: What was spent on characters in this run.
        cause: Why the manifest isn't in the bucket.
    """
    logger = get_run_logger()
    named = [f"{row.label}: {row.task_id}" for row in manifest.rows if row.task_id]
    named += [f'character "{made.name}": {made.task_id}' for made in characters if made.task_id]
    named = list(dict.fromkeys(named))
    for start in range(0, len(named), _IDS_PER_LINE):
        some = named[start : start + _IDS_PER_LINE]
        logger.error("Generations of batch %s: %s", manifest.batch, "; ".join(some))
    what = (
        f"{headline(manifest)}, but the manifest of batch {manifest.batch} could not be written: "
        f"{cause_in_words(cause)}"
    )
    error = ManifestNotWritten(what, manifest, characters)
    if isinstance(cause, ToAPIsError):  # it is logged as well
        cause.add_context(money=error.money, spending=error.spending or "")
    return error.add_context(advice=_advice(manifest.batch, cause))


def cause_in_words(cause: Exception) -> str:
    """Describe an error without its statements about money and advice."""
    if not isinstance(cause, ToAPIsError):
        return type(cause).__name__
    seen = [f"HTTP {cause.http_status}" if cause.http_status else None, cause.code]
    facts = ", ".join(filter(None, seen))
    return f"{cause.message.rstrip('.')}{f' ({facts})' if facts else ''}"


async def conclude(
    batch: Batch,
    outcomes: Outcomes,
    publish: Callable[[Batch, Manifest], Awaitable[None]] = publish,
) -> Manifest:
    """Build the manifest of a batch from the bucket, and publish it.

    Args:
        batch: The batch.
        outcomes: Of this run.
        publish: Writes and shows the manifest.

    Raises:
        ManifestNotWritten: The bucket can't be read or written; its `manifest` is built from what
            the run knows. Raised whatever `on_failure` is: a run without a manifest must not look
            successful.
    """
    try:
        manifest = await gather_manifest(batch, outcomes)
    except Exception as error:
        manifest = outcomes.manifest(batch, cause_in_words(error))
        raise not_written(manifest, outcomes.characters, error) from error
    try:
        await publish(batch, manifest)
    except Exception as error:
        raise not_written(manifest, outcomes.characters, error) from error
    return manifest


async def gather_manifest(batch: Batch, outcomes: Outcomes) -> Manifest:
    """Build the manifest of a batch from the bucket.

    Args:
        batch: The batch.
        outcomes: Of this run: what it has read or written isn't read again.

    Raises:
        StoreError: The bucket can't be listed, or a `shot.json` is temporarily unreadable. A
            damaged one affects only its own shot, whose row is open with the reason.
    """
    retries, known = batch.with_retries(), outcomes.stored
    entries = await retries(batch.store.list_entries, f"{batch.name}/")
    keys = [key for key in entries if key.endswith(f"/{SHOT_FILE}") and key not in known]
    read = await read_stored_shots(keys, entries, batch.store, retries)
    for error in read.unread.values():
        raise error
    stored = [*known.values(), *read.found.values()]
    faults = {**read.broken, **{key: str(error) for key, error in read.withheld.items()}}
    why = {
        shot.shot_id: Unstored(status="open", reason=faults[key], money="spent")
        for shot in [*batch.shots, *batch.orphaned]
        if (key := shot_key(shot)) in faults
    }
    unstored = {**why, **outcomes.unstored}
    manifest = build_manifest(batch.name, batch.uri, batch.shots, stored, unstored, batch.orphaned)
    if picks_key(batch.name) in entries:
        with best_effort("The manifest doesn't say which videos are picked"):
            manifest = with_picks(manifest, await stored_picks(batch.name, batch.store))
    return _accounted(manifest, batch)


def _accounted(manifest: Manifest, batch: Batch) -> Manifest:
    """Return the manifest with its run's plan, what each row cost, and what the run spent."""
    manifest = manifest.model_copy(update={"plan": batch.in_words})
    with best_effort("The manifest says nothing of credits"):
        prices = prices_in_use(batch.settings.purchases.prices)
        if not prices:
            return manifest
        priced = with_credits(manifest, prices, Catalogue.current())
        made = [
            creation_credits({"model": character.model}, prices)
            for character in batch.plan.spec.characters
            if character.name in batch.progress.made
        ]
        return priced.model_copy(update={"spent": spent_by_run(_bought_now(priced, batch), made)})
    return manifest


def _bought_now(manifest: Manifest, batch: Batch) -> list[ManifestRow]:
    """Return the rows that were bought, or may be, since the batch was opened."""
    earlier = {
        business_id(shot.shot_id, number)
        for shot in batch.to_buy
        for number in batch.inventory.attempts.get(shot.shot_id[:FOLDER_ID], ())
    }
    wanted = {shot.shot_id for shot in batch.to_buy}
    return [
        row
        for row in manifest.rows
        if row.shot_id in wanted and row.money != "not spent" and row.business_id not in earlier
    ]


def _advice(batch: str, cause: Exception) -> str:
    ids = "The results of these generations can be fetched by their ids for 24 hours."
    if isinstance(cause, StoreMissing):
        return f"{BUCKET_LOST} {ids}"
    again = f'run batch "{batch}" again: it goes on with what was bought and pays nothing twice.'
    if isinstance(cause, ToAPIsError) and cause.advice:
        return f"{cause.advice} Then {again} {ids}"
    return f"The log says more. R{again[1:]} {ids}"
