"""The end of a run: its manifest from the bucket, written and shown, or at least in memory."""

import asyncio
from collections.abc import Awaitable, Callable

from prefect.logging import get_run_logger

from prefect_toapis.batches.errors import StoreError
from prefect_toapis.batches.inventory import SHOT_FILE
from prefect_toapis.batches.manifest import (
    Manifest,
    StoredShot,
    Unstored,
    build_manifest,
    shot_key,
)
from prefect_toapis.flows.outcomes import Outcomes, cause_in_words, not_written
from prefect_toapis.flows.preflight import Ready
from prefect_toapis.flows.publishing import publish
from prefect_toapis.flows.stored_shots import read_stored

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
        StoreError: The bucket can't be listed. A `shot.json` that can't be read concerns its own
            shot alone: it is open, and its row says why.
    """
    keys = await ready.patient()(ready.store.list_keys, f"{ready.batch}/")
    at_once = asyncio.Semaphore(_READS_AT_ONCE)
    unreadable: dict[str, StoreError] = {}

    async def read(key: str) -> StoredShot | None:
        async with at_once:
            try:
                return outcomes.stored.get(key) or await read_stored(ready, key)
            except StoreError as error:
                get_run_logger().error("%s", error.what)
                unreadable[key] = error.about(money="spent")
                return None

    found = await asyncio.gather(*[read(key) for key in keys if key.endswith(f"/{SHOT_FILE}")])
    stored = [shot for shot in found if shot]
    why = {
        shot.shot_id: Unstored(status="open", reason=str(unreadable[key]), money="spent")
        for shot in [*ready.shots, *outcomes.left]
        if (key := shot_key(shot)) in unreadable
    }
    manifest = build_manifest(
        ready.batch, ready.uri, ready.shots, stored, {**why, **outcomes.unstored}, outcomes.left
    )
    return manifest.model_copy(update={"plan": ready.in_words})
