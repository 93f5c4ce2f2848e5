"""Specs in the bucket, for deployments: `{prefix}/specs/NAME`, with the files that they name."""

import asyncio
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import PurePath

from prefect_toapis.blocks import BucketStore, VideoBucket
from prefect_toapis.client.local_files import read_file, why_unreadable
from prefect_toapis.client.media import Kind
from prefect_toapis.errors import InvalidBatch
from prefect_toapis.flows.inputs import read_sources
from prefect_toapis.planning.file_references import map_files
from prefect_toapis.planning.labels import RunFacts, batch_name, batch_of_spec
from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.planning.spec_files import SpecFile, open_spec
from prefect_toapis.planning.spec_tables import TABLE_BYTES, read_table
from prefect_toapis.records.layout import SPECS_FOLDER

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_ANY_RUN = "00000000-0000-0000-0000-000000000000"
_ANY_TYPE = "application/octet-stream"
_LARGEST = 64_000_000  # bytes of a file


@dataclass(frozen=True)
class SpecToStore:
    """A valid spec, and where its files belong in the bucket.

    Args:
        key: Of the spec.
        batch: The name of its batch, which may have placeholders.
        shots: How many shots its plan has.
        files: The local path of each file, by its key; the spec is the last.
    """

    key: str
    batch: str
    shots: int
    files: Mapping[str, str]


async def checked_spec(path: str, name: str | None, bucket: VideoBucket) -> SpecToStore:
    """Check a local spec, and find the files that belong into the bucket with it.

    A spec in the bucket names its files relative to its own folder, as on disk: so the files that
    it names in its folder, or below, keep their places.

    Args:
        path: Of the spec: YAML, JSON or a table.
        name: In the bucket; None: the file's own.
        bucket: Receives the spec.

    Raises:
        InvalidBatch: The spec has faults, or names files outside of its folder.
        StoreError: The bucket refuses, or is unavailable.
    """
    own = PurePath(path).name
    name = own if name is None else name
    if fault := _name_fault(name, own):
        raise InvalidBatch([fault])
    local = await _read(path)
    key = f"{SPECS_FOLDER}/{name}"
    here, faults = local.batch()
    # The same content, read as it will be in the bucket: paths that don't work there are faults.
    there, faults_there = replace(local, path=bucket.uri(key)).batch()
    faults = faults or faults_there
    folder = bucket.uri(SPECS_FOLDER)
    moved = [] if faults else _moved(here, there)
    faults += [
        f"{ours}: a spec in the bucket can only name files in its folder or below, or s3://..."
        for ours, theirs in moved
        if not theirs.startswith(f"{folder}/")
    ]
    plan_faults, batch, shots = await _plan(here, path, bucket)
    if faults := list(dict.fromkeys([*faults, *plan_faults])):
        raise InvalidBatch(faults)
    found = {theirs.removeprefix(f"{bucket.uri()}/"): ours for ours, theirs in moved}
    if local.table and local.table.name != local.name:
        found[f"{SPECS_FOLDER}/{local.table.name}"] = f"{local.folder or '.'}/{local.table.name}"
    return SpecToStore(key, batch, shots, {**found, key: path})


async def store_spec(spec: SpecToStore, bucket: VideoBucket) -> list[str]:
    """Copy a spec and its files into the bucket, the spec last; return their URIs.

    Raises:
        OSError: A file can't be read.
        StoreError: The bucket refuses, or is unavailable.
    """
    store = BucketStore(bucket)
    for key, path in spec.files.items():
        content = await asyncio.to_thread(read_file, path, _LARGEST)
        await store.write(key, content, mimetypes.guess_type(key)[0] or _ANY_TYPE)
    return [bucket.uri(key) for key in spec.files]


def _name_fault(name: str, own: str) -> str | None:
    if not _NAME.fullmatch(name):
        return f"{name!r}: name a spec in the bucket with letters, digits, '.', '_' and '-'"
    suffix = PurePath(own).suffix
    if PurePath(name).suffix.lower() != suffix.lower():
        return f"{name!r}: keep the suffix {suffix!r}, which says how the file is read"
    return None


async def _read(path: str) -> SpecFile:
    try:
        spec = open_spec(await asyncio.to_thread(read_file, path, TABLE_BYTES), path)
    except (OSError, ValueError, ImportError) as error:
        raise InvalidBatch([f"spec {path}: {_why(error)}"]) from None
    if not spec.table_path:
        return spec
    if PurePath(spec.table_path).parent != PurePath(spec.folder):
        what = "keep the table in the spec's folder"
        raise InvalidBatch([f"{spec.name}: scenes: {spec.table_path}: {what}"])
    try:
        content = await asyncio.to_thread(read_file, spec.table_path, TABLE_BYTES)
        return spec.with_scenes(read_table(content, PurePath(spec.table_path).name))
    except (OSError, ValueError, ImportError) as error:
        raise InvalidBatch([f"scenes {spec.table_path}: {_why(error)}"]) from None


def _why(error: OSError | ValueError | ImportError) -> str:
    return str(error) if isinstance(error, ImportError) else why_unreadable(error)


def _moved(here: BatchSpec, there: BatchSpec) -> list[tuple[str, str]]:
    """Return where each file of a spec is on disk, and where it is looked for in the bucket."""
    pairs = zip(_paths(here), _paths(there), strict=True)
    return [pair for pair in dict.fromkeys(pairs) if pair[0] != pair[1]]


def _paths(spec: BatchSpec) -> list[str]:
    """Return the paths that a spec names, in their order."""
    found: list[str] = []

    def note(path: str, _: Kind) -> str:
        found.append(path)
        return path

    map_files(spec, note)
    return found


async def _plan(spec: BatchSpec, path: str, bucket: VideoBucket) -> tuple[list[str], str, int]:
    """Return the faults of a spec's plan, the name of its batch, and how many shots it has."""
    now = datetime.now(timezone.utc)
    batch = batch_of_spec(spec.batch, path, _ANY_RUN, new=False)
    faults: list[str] = []
    try:
        example = batch_name(batch, RunFacts(now, now, _ANY_RUN), spec.settings.time_zone)
    except ValueError as error:
        faults, example = [str(error)], "batch"
    sources = await read_sources(spec, bucket)
    plan = plan_batch(sources.spec, example, bucket.uri())
    return [*faults, *sources.faults, *plan.faults], batch, len(plan.shots)
