"""Reads the inputs of a batch: its spec file, and the files and earlier shots it refers to."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple

from prefect.logging import get_run_logger
from pydantic import ValidationError

from prefect_toapis.blocks import BucketStore, VideoBucket
from prefect_toapis.blocks.media_files import read_media
from prefect_toapis.client.errors import InvalidRequest, ToAPIsError
from prefect_toapis.client.local_files import length_fault, read_file, why_unreadable
from prefect_toapis.client.media_limits import MediaContent
from prefect_toapis.client.plain_text import shown_line
from prefect_toapis.client.references import reference, references_in
from prefect_toapis.errors import StoreError
from prefect_toapis.flows.batch import Batch
from prefect_toapis.flows.default_blocks import bucket_or_default
from prefect_toapis.planning.faults import SceneFault, merged
from prefect_toapis.planning.file_references import File, file_faults, files_in, with_references
from prefect_toapis.planning.identity import FOLDER_ID
from prefect_toapis.planning.labels import is_batch_name, rows_by_scene, scene_labels
from prefect_toapis.planning.spec import BatchSpec, Scene
from prefect_toapis.planning.spec_files import open_spec
from prefect_toapis.planning.spec_tables import TABLE_BYTES, Table, read_table
from prefect_toapis.records.layout import MANIFEST_FILE
from prefect_toapis.records.store import LONGEST
from prefect_toapis.reports.manifest import Manifest, ManifestRow
from prefect_toapis.tasks.options import Bind
from prefect_toapis.tasks.uploads import aupload_clip, aupload_image

IN_BUCKET = "bucket:"
"""The start of a spec's path that is a key in the bucket for the videos, below its prefix."""

_UNREADABLE = (OSError, ValueError, StoreError, ImportError)
_READS_AT_ONCE = 4  # files of up to 50 MB in memory
_UPLOADS_AT_ONCE = 4  # as above
_LISTED = 5  # shots in a message


async def read_spec_file(path: str, bucket: VideoBucket | None) -> tuple[BatchSpec, list[str]]:
    """Read a spec file; return the batch and the faults of the file.

    Args:
        path: A local path, `s3://bucket/key`, or `bucket:key` for a key below the bucket's prefix.
        bucket: Its credentials are used for S3. None: those of the default bucket.
    """
    try:
        path = await _located(path, bucket)
        spec = open_spec(await _read(path, bucket), path)
    except _UNREADABLE as error:
        return BatchSpec(), [_unreadable("spec", path, error)]
    if spec.table_path:
        spec = spec.with_scenes(await _read_table(spec.table_path, bucket))
    return spec.batch()


@dataclass(frozen=True)
class Sources:
    """A batch whose references to files and earlier shots are resolved.

    Args:
        spec: With content references instead of paths, and task ids instead of earlier shots.
        files: By reference.
        contents: What is known of each file's content, by reference.
        faults: Of files and shots that are missing or not accepted by the API.
    """

    spec: BatchSpec
    files: dict[str, File]
    contents: dict[str, MediaContent]
    faults: list[str]


class FilesRead(NamedTuple):
    """The files of a batch, after reading.

    Args:
        references: To each file's content; unreadable files have one, too, so that the rest of
            the batch can be checked.
        contents: What is known of each content, by reference.
        reasons: Why files are missing or not accepted by the API.
    """

    references: dict[File, str]
    contents: dict[str, MediaContent]
    reasons: dict[File, str]


async def read_sources(spec: BatchSpec, bucket: VideoBucket) -> Sources:
    """Resolve the files and earlier shots that a batch refers to.

    Args:
        spec: With paths and names of earlier shots.
        bucket: Contains earlier batches; its credentials are used for `s3://` files.
    """
    found = await read_files(files_in(spec), bucket)
    faults = file_faults(spec, found.reasons)
    spec = with_references(spec, found.references)
    tasks, unknown = await _read_sources(spec, BucketStore(bucket))
    files = {reference: file for file, reference in found.references.items()}
    return Sources(with_task_ids(spec, tasks), files, found.contents, faults + unknown)


async def read_files(files: Iterable[File], bucket: VideoBucket) -> FilesRead:
    """Read files.

    Args:
        files: To read, each once.
        bucket: Its credentials are used for `s3://` files.
    """
    at_once = asyncio.Semaphore(_READS_AT_ONCE)
    contents: dict[str, MediaContent] = {}
    reasons: dict[File, str] = {}

    async def read(file: File) -> str:
        try:
            async with at_once:
                media = await read_media(file.path, file.kind, bucket.credentials)
        except InvalidRequest as error:
            reasons[file] = error.message.removeprefix(shown_line(f"{file.path}: "))
        except StoreError as error:
            reasons[file] = error.as_fault
        else:
            contents[media.reference] = media.facts
            return media.reference
        return reference(sha256(file.path.encode()).hexdigest())

    files = list(files)
    references = await asyncio.gather(*map(read, files))
    return FilesRead(dict(zip(files, references, strict=True)), contents, reasons)


async def upload_files(
    references: Iterable[str], files: Mapping[str, File], bind: Bind
) -> dict[str, ToAPIsError]:
    """Upload files concurrently, each content once; a failure doesn't affect the others.

    Args:
        references: To the contents.
        files: By reference.
        bind: Binds the blocks and settings of the run to the tasks.

    Returns:
        The errors of failed uploads, by reference.
    """
    uploads = {"image": bind(aupload_image), "video": bind(aupload_clip)}
    at_once = asyncio.Semaphore(_UPLOADS_AT_ONCE)
    failed: dict[str, ToAPIsError] = {}

    async def upload(reference: str) -> None:
        file = files[reference]
        try:
            async with at_once:
                await uploads[file.kind](file.path)
        except ToAPIsError as error:
            error.message = f"{file.path}: {error.message}"
            get_run_logger().error("%s", error)
            failed[reference] = error

    wanted = dict.fromkeys(references)
    await asyncio.gather(*[upload(reference) for reference in wanted if reference in files])
    return failed


async def with_files(batch: Batch) -> Batch:
    """Upload the files that shots to buy need; return the batch with the uploads that failed.

    Those of fallbacks are uploaded, too; if that fails, the shot's own model is still tried.

    Args:
        batch: The batch.
    """
    needed = {shot.shot_id: references_in(shot.request) for shot in batch.to_buy}
    references = [
        reference
        for shot in batch.to_buy
        for request in shot.candidates
        for reference in references_in(request)
    ]
    failed = await upload_files(references, batch.plan.files, batch.bind)
    unprepared = {
        shot.shot_id: failed[reference]
        for shot in batch.to_buy
        if not batch.inventory.was_submitted(shot)  # an accepted submission needs no upload
        for reference in needed[shot.shot_id]
        if reference in failed
    }
    return replace(batch, unprepared={**batch.unprepared, **unprepared})


class EarlierShot(NamedTuple):
    """A shot of an earlier batch, named as `batch/shot` in a scene."""

    batch: str
    shot: str


def earlier_shot(source: str | None) -> EarlierShot | None:
    """Return the shot that a scene remixes or extends; None if it is a task id, or a new video.

    Example:
        >>> earlier_shot("lisbon/tram / wide / Turbo")
        EarlierShot(batch='lisbon', shot='tram / wide / Turbo')
        >>> earlier_shot("video_7497") is None
        True
    """
    batch, slash, shot = (source or "").partition("/")
    return EarlierShot(batch.strip(), shot.strip()) if slash else None


def task_of(named: EarlierShot, rows: Iterable[ManifestRow]) -> str:
    """Return the task id of a shot's video.

    Args:
        named: The shot, by its label in the manifest, its id, or the first 12 characters of it.
        rows: The manifest of its batch.

    Raises:
        ValueError: The shot doesn't exist, is ambiguous, or can't be remixed.
    """
    shots = {row.shot_id: row for row in rows}
    found = [row for row in shots.values() if _is_named(row, named.shot)]
    if not found:
        labels = [row.label for row in shots.values()]
        shown = "; ".join(labels[:_LISTED]) + ("; ..." if labels[_LISTED:] else "")
        raise ValueError(f'batch "{named.batch}" has no shot "{named.shot}"; its shots: {shown}')
    if len(found) > 1:
        ids = ", ".join(row.shot_id[:FOLDER_ID] for row in found)
        raise ValueError(f"several shots have this label; use an id instead: {ids}")
    (row,) = found
    if row.request.get("private"):
        raise ValueError("its video is private, and private videos can't be remixed")
    if row.status != "stored" or not row.task_id:
        raise ValueError(f"its shot is {row.status}; only stored videos can be remixed")
    return row.task_id


def with_task_ids(spec: BatchSpec, tasks: Mapping[str, str]) -> BatchSpec:
    """Return the batch with the shots that its scenes remix or extend replaced by task ids."""

    def with_task_id(scene: Scene) -> Scene:
        sources = {"remix_of": scene.remix_of, "extends": scene.extends}
        found = {name: tasks.get(source, source) for name, source in sources.items() if source}
        return scene.model_copy(update=found) if found else scene

    return spec.model_copy(update={"scenes": list(map(with_task_id, spec.scenes))})


async def _located(path: str, bucket: VideoBucket | None) -> str:
    key = path.removeprefix(IN_BUCKET)
    if key == path:
        return path
    return (await bucket_or_default(bucket)).uri(key)


async def _read_table(path: str, bucket: VideoBucket | None) -> Table:
    name = path.rpartition("/")[2]
    try:
        return read_table(await _read(path, bucket), name)
    except _UNREADABLE as error:
        return Table(name, faults=[_unreadable("scenes", path, error)])


def _unreadable(what: str, path: str, error: Exception) -> str:
    if isinstance(error, StoreError):  # it names the object
        return f"{what}: {error.as_fault}"
    why = why_unreadable(error) if isinstance(error, (OSError, ValueError)) else str(error)
    return f"{what} {path}: {why}"


async def _read(path: str, bucket: VideoBucket | None) -> bytes:
    if not path.startswith("s3://"):
        return await asyncio.to_thread(read_file, path, TABLE_BYTES)
    store, key = BucketStore.for_uri(path, (await bucket_or_default(bucket)).credentials)
    return await store.read_given(key, TABLE_BYTES)


class _Source(NamedTuple):
    """The earlier shot that a scene is made from, as the scene's field names it."""

    text: str
    field: str
    shot: EarlierShot
    scene: str
    row: int

    def fault(self, text: str, *, kind: str = "") -> SceneFault:
        return SceneFault(text, f'scene "{self.scene}"', self.row, kind)


def _sources(spec: BatchSpec) -> list[_Source]:
    rows = rows_by_scene(spec)
    return [
        _Source(text, field, shot, label, rows.get(label, 0))
        for label, scene in zip(scene_labels(spec.scenes), spec.scenes, strict=True)
        for field, text in (("remix_of", scene.remix_of), ("extends", scene.extends))
        if text and (shot := earlier_shot(text))
    ]


async def _read_sources(spec: BatchSpec, store: BucketStore) -> tuple[dict[str, str], list[str]]:
    """Return the task ids of earlier shots that scenes are made from, and the faults."""
    sources = _sources(spec)
    manifests = {
        batch: await _manifest_or_fault(batch, store)
        for batch in dict.fromkeys(source.shot.batch for source in sources)
    }
    tasks: dict[str, str] = {}
    faults: list[SceneFault] = []
    for source in sources:
        manifest = manifests[source.shot.batch]
        if isinstance(manifest, str):
            faults.append(source.fault(f"{source.field}: {manifest}"))
            continue
        try:
            tasks[source.text] = task_of(source.shot, manifest.rows)
        except ValueError as error:
            kind = str(error).replace(source.shot.shot, "") if source.row else ""
            faults.append(source.fault(f"{source.field}={source.text}: {error}", kind=kind))
    return tasks, merged(faults, spec.table_rows.table)


async def _manifest_or_fault(batch: str, store: BucketStore) -> Manifest | str:
    """Return the manifest of a batch, or why it can't be read."""
    uri = store.bucket.uri(f"{batch}/{MANIFEST_FILE}")
    try:
        return await _read_manifest(batch, store) or f"there is no {uri}"
    except ValidationError:  # its text contains the values
        return f"{uri} can't be read: it is damaged, or of a later version"
    except (StoreError, ValueError) as error:
        return f"{uri} can't be read: {error}"


async def _read_manifest(batch: str, store: BucketStore) -> Manifest | None:
    if not is_batch_name(batch):
        return None
    key = f"{batch}/{MANIFEST_FILE}"
    stored = await store.head(key)
    if stored and (fault := length_fault(stored.size, LONGEST)):
        raise ValueError(fault)
    content = await store.read(key) if stored else None
    if content is None:
        return None
    return Manifest.from_jsonl(content.decode(), uri=store.bucket.uri(batch))


def _is_named(row: ManifestRow, name: str) -> bool:
    return _parts(row.label) == _parts(name) or name in {row.shot_id, row.shot_id[:FOLDER_ID]}


def _parts(label: str) -> list[str]:
    return [part.strip() for part in label.split("/")]
