"""`prefect-toapis fetch`: downloads the videos of a batch."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from prefect_toapis.blocks import VideoBucket
from prefect_toapis.blocks.file_downloads import Downloaded, Wanted, download_file
from prefect_toapis.cli.command_output import CommandOutput, command_output
from prefect_toapis.errors import StoreError
from prefect_toapis.flows.default_blocks import bucket_or_default, origin
from prefect_toapis.flows.picks import stored_manifest, videos_of
from prefect_toapis.reports.local_names import local_names
from prefect_toapis.reports.manifest import Manifest, ManifestRow

_AT_ONCE = 4  # videos; each is fetched in pieces of a few MB
_WORDS: dict[Downloaded, str] = {
    "fetched": "fetched",
    "resumed": "resumed",
    "there": "there already",
    "replaced": "replaced, as its content was another",
}


def fetch(
    batch: str,
    folder: Path,
    *,
    picked: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Download the videos of a batch into a folder, under the names of their shots.

    Each is checked by size and SHA-256. Run it again to go on after an interruption: what is there
    isn't downloaded again, a part is continued, and a damaged file is replaced. The bucket comes
    from the Prefect block named "default", or else from TOAPIS_BUCKET=s3://name/prefix.

    Args:
        batch: Name of the batch.
        folder: Created if missing.
        picked: Only the picked videos; without it, all videos of the latest plan.
        json: Print a JSON object.
    """
    with command_output(json=json) as output:
        output.facts(folder=str(folder.expanduser().absolute()))
        asyncio.run(_fetch(output, batch.strip("/"), folder.expanduser(), picked=picked))


@dataclass
class _Result:
    """What became of each video, by the name of its file."""

    rows: Mapping[str, ManifestRow]
    done: dict[str, Downloaded] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def in_words(self) -> str:
        counts = [
            f"{count} {word}"
            for outcome, word in _WORDS.items()
            if (count := sum(each == outcome for each in self.done.values()))
        ]
        if self.failed:
            counts.append(f"{len(self.failed)} failed")
        total = sum(self.rows[name].size or 0 for name in self.done) / 1e6
        return f"{len(self.done)} of {len(self.rows)} videos, {total:.1f} MB: {', '.join(counts)}"


async def _fetch(output: CommandOutput, batch: str, folder: Path, *, picked: bool) -> None:
    bucket = await bucket_or_default(None)
    output.using(bucket=origin(bucket))
    manifest = await stored_manifest(batch, bucket)
    result = _Result(_wanted(manifest, picked=picked))
    output.facts(batch=batch)
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        await _download_all(output, bucket, folder, result)
    except OSError as error:
        where = error.filename or folder
        raise OSError(
            f"{where}: {error.strerror or error}. {len(result.done)} of {len(result.rows)} videos "
            "are there; run the same command again to go on."
        ) from None
    finally:
        output.facts(files=_as_json(result))
    for name, why in result.failed.items():
        output.show(f"{name}: {why}")
    output.show(f"In {folder}: {result.in_words}")
    if result.failed:
        output.fail(StoreError(f"{len(result.failed)} of {len(result.rows)} videos failed"))


def _wanted(manifest: Manifest, *, picked: bool) -> dict[str, ManifestRow]:
    """Return the videos to download, by the name of their file."""
    names = local_names(manifest)
    rows = videos_of(manifest, picked=picked)
    return {names[row.key]: row for row in rows if row.key}


async def _download_all(
    output: CommandOutput, bucket: VideoBucket, folder: Path, result: _Result
) -> None:
    at_once = asyncio.Semaphore(_AT_ONCE)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(30),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=output.console, transient=True) as bars:
        total = sum(row.size or 0 for row in result.rows.values())
        bar = bars.add_task(f"0 of {len(result.rows)} videos", total=total)

        async def download(name: str, row: ManifestRow) -> None:
            async with at_once:
                try:
                    wanted = _object_of(row)
                    result.done[name] = await download_file(
                        bucket, wanted, folder / name, lambda count: bars.advance(bar, count)
                    )
                except StoreError as error:
                    result.failed[name] = str(error)
            ended = len(result.done) + len(result.failed)
            bars.update(bar, description=f"{ended} of {len(result.rows)} videos")

        tasks = [asyncio.ensure_future(download(*each)) for each in result.rows.items()]
        try:
            await asyncio.gather(*tasks)
        finally:  # a full disk ends all of them
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _object_of(row: ManifestRow) -> Wanted:
    if row.key is None or row.size is None or row.sha256 is None:
        raise StoreError(
            f"The manifest doesn't have size and SHA-256 of {row.label}",
            advice="Run the batch again: it rewrites the manifest.",
        )
    return Wanted(row.key, row.size, row.sha256)


def _as_json(result: _Result) -> list[dict[str, object]]:
    return [
        {
            "name": name,
            "shot": row.shot_id,
            "output": row.output or 1,
            "label": row.label,
            "uri": row.uri,
            "status": result.done.get(name, "failed" if name in result.failed else "missing"),
            "why": result.failed.get(name),
        }
        for name, row in result.rows.items()
    ]
