"""Publishes a batch: manifest and gallery in the bucket, artifacts, asset and event in Prefect."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from uuid import UUID

from prefect import task
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.assets import Asset, AssetProperties, materialize
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
)
from prefect.events import emit_event
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.utilities.urls import url_for

from prefect_toapis.blocks import BucketStore, VideoBucket
from prefect_toapis.blocks.s3_client import ends_with_credentials
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.errors import StoreError
from prefect_toapis.flows.batch import Batch
from prefect_toapis.flows.progress import best_effort
from prefect_toapis.planning.labels import slug
from prefect_toapis.planning.price_files import prices_in_use
from prefect_toapis.planning.pricing import Unpriced, dearest, price_of
from prefect_toapis.planning.spending import most_spent, spending_of, spent_in_words
from prefect_toapis.records.layout import (
    GALLERY_FILE,
    MANIFEST_FILE,
    MANIFEST_PARQUET,
    shared_page_key,
)
from prefect_toapis.reports.artifacts import (
    gallery_markdown,
    headline,
    shot_table,
    shown_videos,
)
from prefect_toapis.reports.events import Event, batch_completed
from prefect_toapis.reports.gallery import GALLERY_TYPE, Links, gallery_html
from prefect_toapis.reports.lineage import MakingRun, batch_lineage
from prefect_toapis.reports.manifest import Manifest, ManifestRow
from prefect_toapis.reports.manifest_tables import has_pyarrow
from prefect_toapis.reports.plan_artifacts import faults_markdown, plan_markdown
from prefect_toapis.reports.thumbnails import pyav_is_installed, small_poster
from prefect_toapis.tasks.options import is_transient

_JSONL = "application/x-ndjson"
_PARQUET = "application/vnd.apache.parquet"
_READS_AT_ONCE = 8
_INLINED_BYTES = 20_000
RETRY_DEPLOYMENT = "retry-batch/retry-batch"


async def publish(batch: Batch, manifest: Manifest) -> None:
    """Write a batch's manifest and gallery, create its artifacts, and emit its events.

    Args:
        batch: The batch; it becomes an asset in Prefect's lineage.
        manifest: Of the batch.

    Raises:
        StoreError: The manifest could not be written, after all retries. Other errors are only
            logged.
    """
    await publish_so_far(batch, manifest)
    emit(batch_completed(manifest))
    run = MakingRun(str(flow_run.id), str(flow_run.flow_name), datetime.now(timezone.utc))
    emit(batch_lineage(manifest, [file.path for file in batch.plan.files.values()], run))


async def publish_so_far(batch: Batch, manifest: Manifest) -> None:
    """Publish an unfinished batch: as `publish`, without the event that it is completed."""
    await _write_in_task(batch, manifest)
    with best_effort("Prefect can't show the batch"):
        await _show(batch, manifest)


async def show_gallery(
    batch: Batch, manifest: Manifest, posters: dict[str, bytes], status: str = ""
) -> None:
    """Create the gallery artifact of a run, or replace what it shows.

    Args:
        batch: The batch.
        manifest: Of the batch, so far.
        posters: Those that were read before, by key; the others are added.
        status: How far a running batch is; empty when it ends.

    Raises:
        Exception: The store or Prefect refuses, or is unavailable.
    """
    shown = shown_videos(manifest)
    links = await sign_links(batch.bucket, [row.key for row in shown if row.key])
    unread = [row for row in shown if row.thumbnail_key not in posters]
    posters |= await _posters(batch.store, unread)
    gallery = gallery_markdown(manifest, posters, links, await _retry_form())
    running = f"Still running: {status}.\n\n" if status else ""
    key, line = f"gallery-{slug(manifest.batch)}", headline(manifest)
    await _put_markdown(running + gallery, key, status or line)


async def publish_plan(batch: Batch, manifest: Manifest) -> None:
    """Create the artifact of a dry run.

    Args:
        batch: With the shots to buy, and its prices.
        manifest: Of the plan.
    """
    with best_effort("Prefect can't show the plan"):
        page = plan_markdown(manifest, _credits_to_pay(batch))
        await acreate_markdown_artifact(page, _plan_key(manifest.batch), manifest.plan)


async def publish_faults(batch: str, faults: Sequence[str]) -> None:
    """Create the artifact of a plan that is refused, in place of the plan's."""
    with best_effort("Prefect can't show the faults"):
        page = faults_markdown(batch, faults)
        await acreate_markdown_artifact(page, _plan_key(batch), "Refused; nothing was bought.")


def emit(event: Event) -> None:
    """Emit an event; Prefect adds the current run."""
    with best_effort(f"Prefect takes no event {event.name}"):
        emit_event(event.name, event.resource, related=event.related, payload=event.payload)


async def write_tables(store: BucketStore, manifest: Manifest) -> None:
    """Write the manifest of a batch; as a Parquet file, too, if pyarrow is installed.

    Raises:
        StoreError: The bucket refuses, or is unavailable.
    """
    await _write_jsonl(store, manifest)
    if has_pyarrow():
        await _write_parquet(store, manifest)


async def write_shared_page(
    bucket: VideoBucket, manifest: Manifest, lifetime: timedelta
) -> tuple[str, Links]:
    """Write a page of a batch's videos that works for whoever has the link to it.

    Args:
        bucket: Contains the batch.
        manifest: The videos to share.
        lifetime: Of the links: 1 second to 7 days.

    Returns:
        The key of the page, and the links to it and to the videos.

    Raises:
        ValueError: The lifetime is out of range.
        StoreError: The bucket refuses, is unavailable, or there is nothing to sign with.
    """
    written = datetime.now(timezone.utc)
    page = shared_page_key(manifest.batch, written)
    links = await _sign(bucket, [page, *_keys_shown(manifest)], lifetime)
    content = gallery_html(manifest, links).encode()
    await BucketStore(bucket).write(page, content, GALLERY_TYPE)
    return page, links


async def write_gallery(bucket: VideoBucket, manifest: Manifest) -> str:
    """Write the gallery page of a batch, with signed links if the bucket has `link_hours`.

    Args:
        bucket: Contains the batch.
        manifest: Of the batch.

    Returns:
        The URI of the page: `s3://...`.

    Raises:
        StoreError: The bucket refuses, or is unavailable.
    """
    links = await sign_links(bucket, _keys_shown(manifest))
    page = gallery_html(manifest, links).encode()
    key = page_key(manifest.batch)
    await BucketStore(bucket).write(key, page, GALLERY_TYPE)
    return bucket.uri(key)


async def sign_links(bucket: VideoBucket, keys: Iterable[str]) -> Links | None:
    """Sign links to objects; None if the bucket has no `link_hours`.

    Args:
        bucket: Its `link_hours` are the lifetime of the links.
        keys: Relative to its prefix.

    Raises:
        StoreError: There are no credentials to sign with.
    """
    if bucket.link_hours is None:
        return None
    return await _sign(bucket, keys, timedelta(hours=bucket.link_hours))


async def _sign(bucket: VideoBucket, keys: Iterable[str], lifetime: timedelta) -> Links:
    until = datetime.now(timezone.utc) + lifetime

    def sign() -> dict[str, str]:
        return {key: bucket.signed_url(key, lifetime.total_seconds()) for key in keys}

    urls = await asyncio.to_thread(sign)  # it may fetch credentials from the host
    return Links(urls, until, at_most=any(map(ends_with_credentials, urls.values())))


def page_key(batch: str) -> str:
    """Return the key of a batch's gallery page.

    Example:
        >>> page_key("spring")
        'spring/index.html'
    """
    return f"{batch}/{GALLERY_FILE}"


def _keys_shown(manifest: Manifest) -> list[str]:
    """Return the keys of the files that the page of a batch shows."""
    return [key for row in manifest.stored for key in (row.key, row.thumbnail_key) if key]


async def _write_in_task(batch: Batch, manifest: Manifest) -> None:
    """Write the files in a task, which is retried and materializes the asset."""
    asset, retries = _asset(manifest), batch.with_retries()

    async def publish() -> None:
        store = batch.store
        try:
            await _write_jsonl(store, manifest)
        except StoreError as error:  # it is shown in the task's state
            spent = spending_of(manifest.rows)
            error.add_context(money=most_spent(spent), spending=spent_in_words(spent))
            raise
        with best_effort(f"There is no new {MANIFEST_PARQUET}"):
            if has_pyarrow():
                await retries(_write_parquet, store, manifest)
        with best_effort(f"There is no new {GALLERY_FILE}; `prefect-toapis gallery` writes it"):
            await retries(write_gallery, batch.bucket, manifest)
        if asset:
            with best_effort("Prefect's asset of the batch has no counts"):
                asset.add_metadata(batch_completed(manifest).payload)

    as_task = materialize(asset, by="prefect-toapis") if asset else task
    delays = batch.settings.retries.task_delays_seconds
    await as_task(publish).with_options(
        task_run_name=f"publish {batch.name}",
        retries=len(delays),
        retry_delay_seconds=delays,
        retry_condition_fn=is_transient,
        cache_policy=NO_CACHE,
        persist_result=False,
    )()


async def _write_jsonl(store: BucketStore, manifest: Manifest) -> None:
    content = manifest.to_jsonl().encode()
    await store.write(f"{manifest.batch}/{MANIFEST_FILE}", content, _JSONL)


async def _write_parquet(store: BucketStore, manifest: Manifest) -> None:
    content = manifest.to_parquet()
    await store.write(f"{manifest.batch}/{MANIFEST_PARQUET}", content, _PARQUET)


def _asset(manifest: Manifest) -> Asset | None:
    """Return the asset of the batch; None if its URI isn't a valid asset key."""
    properties = AssetProperties(name=manifest.batch, description=headline(manifest))
    try:
        return Asset(key=manifest.uri, properties=properties)
    except ValueError:  # such as a prefix with spaces
        get_run_logger().info("Prefect takes no asset of the name %s", manifest.uri)
        return None


def _plan_key(batch: str) -> str:
    return f"plan-{slug(batch)}".strip("-")


def _credits_to_pay(batch: Batch) -> dict[str, float]:
    """Return the price of each shot to buy that has one, by shot id."""
    prices, catalogue = prices_in_use(batch.settings.purchases.prices), Catalogue.current()
    amounts = {
        shot.shot_id: dearest(price_of(request, prices, catalogue) for request in shot.candidates)
        for shot in batch.to_buy
    }
    return {
        shot_id: amount for shot_id, amount in amounts.items() if not isinstance(amount, Unpriced)
    }


async def _retry_form() -> str | None:
    """Return the URL of the form that runs `retry-batch`; None if it can't be found."""
    with best_effort("The gallery has no link to retry-batch"):
        async with get_client() as client:
            try:
                deployment = await client.read_deployment_by_name(RETRY_DEPLOYMENT)
            except ObjectNotFound:
                return None
        page = url_for("deployment", deployment.id)
        return f"{page}/run" if page else None
    return None


async def _show(batch: Batch, manifest: Manifest) -> None:
    line = headline(manifest)
    await acreate_table_artifact(shot_table(manifest), f"shots-{slug(manifest.batch)}", line)
    await show_gallery(batch, manifest, {})


async def _put_markdown(text: str, key: str, description: str) -> None:
    """Create an artifact of this run, or replace what it shows: each creation adds one."""
    own = ArtifactFilter(
        key=ArtifactFilterKey(any_=[key]),
        flow_run_id=ArtifactFilterFlowRunId(any_=[UUID(str(flow_run.id))]),
    )
    async with get_client() as client:
        found = await client.read_artifacts(artifact_filter=own, limit=1)
        if found:
            changed = ArtifactUpdate(data=text, description=description)
            await client.update_artifact(found[0].id, changed)
            return
    await acreate_markdown_artifact(text, key, description)


async def _posters(store: BucketStore, rows: Iterable[ManifestRow]) -> dict[str, bytes]:
    """Return small posters by key; those that fail are logged and left out."""
    at_once = asyncio.Semaphore(_READS_AT_ONCE)

    async def small(key: str) -> bytes | None:
        async with at_once:
            try:
                image = await store.read(key)
                return await asyncio.to_thread(_inlined, image) if image else None
            except (StoreError, ValueError) as error:
                get_run_logger().warning("No poster of %s: %s", key, error)
            except Exception as error:  # noqa: BLE001 - decoders raise any error; the other posters are shown
                get_run_logger().warning("No poster of %s: %s", key, type(error).__name__)
            return None

    wanted = [row.thumbnail_key for row in rows if row.thumbnail_key]
    found = await asyncio.gather(*[small(key) for key in wanted])
    return {key: image for key, image in zip(wanted, found, strict=True) if image}


def _inlined(image: bytes) -> bytes | None:
    """Return an image small enough for an artifact; None if it can't be resized."""
    if pyav_is_installed():
        return small_poster(image)
    return image if len(image) <= _INLINED_BYTES else None
