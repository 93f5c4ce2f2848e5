"""The end of a run: its manifest from the bucket, written and shown, or at least in memory."""

from collections.abc import Awaitable, Callable

from prefect_toapis.batches.inventory import SHOT_FILE
from prefect_toapis.batches.manifest import Manifest, Unstored, shot_key
from prefect_toapis.batches.manifest_rows import build_manifest
from prefect_toapis.flows.outcomes import Outcomes, cause_in_words, not_written
from prefect_toapis.flows.preflight import Ready
from prefect_toapis.flows.publishing import publish
from prefect_toapis.flows.stored_shots import read_stored_shots

_READS_AT_ONCE = 16


async def conclude(
    ready: Ready,
    outcomes: Outcomes,
    publish: Callable[[Ready, Manifest], Awaitable[None]] | None = publish,
) -> Manifest:
    """The manifest of a batch as the bucket has it now, published.

    Args:
        ready: The batch.
        outcomes: Of this run.
        publish: Writes it and shows it; None: nothing has changed.

    Raises:
        ManifestNotWritten: The bucket can't be read, or doesn't take it; its `manifest` is what is
            known all the same. It is raised whatever `on_failure` says: a manifest that is nowhere
            must not look like success.
    """
    try:
        manifest = await gather_manifest(ready, outcomes)
    except Exception as error:
        manifest = outcomes.manifest(ready, cause_in_words(error))
        raise not_written(manifest, outcomes.characters, error) from error
    try:
        if publish:
            await publish(ready, manifest)
    except Exception as error:
        raise not_written(manifest, outcomes.characters, error) from error
    return manifest


async def gather_manifest(ready: Ready, outcomes: Outcomes) -> Manifest:
    """The table of a batch as the bucket has it now.

    Args:
        ready: The batch.
        outcomes: Of this run: what it has read or written isn't read again.

    Raises:
        StoreError: The bucket can't be listed, or a `shot.json` can't be read for now. One that is
            damaged concerns its own shot alone: it is open, and its row says why.
    """
    patient, known = ready.patient(), outcomes.stored
    entries = await patient(ready.store.list_entries, f"{ready.batch}/")
    keys = [key for key in entries if key.endswith(f"/{SHOT_FILE}") and key not in known]
    read = await read_stored_shots(keys, entries, ready.store, patient)
    for error in read.unread.values():
        raise error
    stored = [*known.values(), *read.found.values()]
    faults = {**read.broken, **{key: str(error) for key, error in read.withheld.items()}}
    why = {
        shot.shot_id: Unstored(status="open", reason=faults[key], money="spent")
        for shot in [*ready.shots, *outcomes.left]
        if (key := shot_key(shot)) in faults
    }
    manifest = build_manifest(
        ready.batch, ready.uri, ready.shots, stored, {**why, **outcomes.unstored}, outcomes.left
    )
    return manifest.model_copy(update={"plan": ready.in_words})
