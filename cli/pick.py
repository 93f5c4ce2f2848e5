"""`prefect-toapis pick`: marks videos of a batch as picked."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from prefect_toapis.blocks import BucketStore
from prefect_toapis.cli.command_output import CommandOutput, command_output
from prefect_toapis.client.local_files import read_file, why_unreadable
from prefect_toapis.flows.default_blocks import bucket_or_default, origin
from prefect_toapis.flows.picks import change_picks, show_picks, stored_manifest
from prefect_toapis.records.picks import LONGEST_NOTE, Pick, Picks, read_picks
from prefect_toapis.reports.manifest import Manifest, ManifestRow
from prefect_toapis.reports.shot_names import rows_named

_LARGEST_FILE = 16_000_000  # bytes


def pick(
    batch: str,
    *shots: str,
    note: str | None = None,
    remove: bool = False,
    file: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Mark videos of a batch as picked, or show what is picked.

    Picks are kept in the bucket, in the batch's picks.json; its manifest and page show them, also
    after later runs. `fetch --picked` downloads them, `share --picked` shares them. The bucket
    comes from the Prefect block named "default", or else from TOAPIS_BUCKET=s3://name/prefix.

    Args:
        batch: Name of the batch.
        shots: What to pick: the label of a shot ("tram / wide / Turbo"), the name of its folder,
            or its id or the first 6 or more characters of it. All its outputs are picked; with
            :2 at the end, the second alone. Without shots, the picks are listed.
        note: A note on each of these videos.
        remove: Remove these picks instead.
        file: Picks as a batch's page exports them, in JSON; added to the others.
        json: Print a JSON object.
    """
    with command_output(json=json) as output:
        asyncio.run(_pick(output, batch.strip("/"), _Wanted(shots, note, remove, file)))


class _Wanted:
    """What to pick or to remove, as it was given."""

    def __init__(
        self, shots: Sequence[str], note: str | None, remove: bool, file: Path | None
    ) -> None:
        if note is not None and len(note) > LONGEST_NOTE:
            raise ValueError(f"--note: more than {LONGEST_NOTE:,} characters")
        if note is not None and (remove or not shots):
            raise ValueError("--note: name the shots that it is for, without --remove")
        self.shots, self.note, self.remove, self.file = shots, note, remove, file

    def picks(self, batch: str, manifest: Manifest) -> list[Pick]:
        """Return the picks.

        Raises:
            ValueError: The file can't be read, or a shot isn't known or has no video.
        """
        rows = [row for name in self.shots for row in rows_named(name, manifest.rows)]
        given = [] if self.file is None else list(_exported(self.file, batch).picks)
        videos = {(row.shot_id, row.output or 1) for row in manifest.stored}
        if not self.remove:
            _require_videos(rows)
            if unknown := [each.shot for each in given if each.of not in videos]:
                raise ValueError(f"{self.file}: batch {batch} has no video of {unknown[0]}")
        named = [Pick(shot=row.shot_id, output=row.output or 1, note=self.note) for row in rows]
        return [*given, *named]


async def _pick(output: CommandOutput, batch: str, wanted: _Wanted) -> None:
    bucket = await bucket_or_default(None)
    output.using(bucket=origin(bucket))
    manifest = await stored_manifest(batch, bucket)
    if picks := wanted.picks(batch, manifest):

        def change(found: Picks) -> Picks:
            return (
                found.removing(each.of for each in picks) if wanted.remove else found.adding(picks)
            )

        await change_picks(batch, BucketStore(bucket), change)
        manifest = await show_picks(batch, bucket)
    output.facts(batch=batch, changed=len({each.of for each in picks}), picked=_as_json(manifest))
    _show(output, manifest, len({each.of for each in picks}), remove=wanted.remove)


def _exported(file: Path, batch: str) -> Picks:
    try:
        content = read_file(file, _LARGEST_FILE)
    except (OSError, ValueError) as error:
        raise ValueError(f"{file}: {why_unreadable(error)}") from None
    return read_picks(content, batch, str(file))


def _require_videos(rows: Sequence[ManifestRow]) -> None:
    for row in rows:
        if row.status != "stored":
            raise ValueError(f"{row.label} is {row.status}: only stored videos can be picked")


def _as_json(manifest: Manifest) -> list[dict[str, object]]:
    return [
        {
            "shot": row.shot_id,
            "output": row.output or 1,
            "label": row.label,
            "uri": row.uri,
            "note": row.pick_note,
        }
        for row in manifest.picked
    ]


def _show(output: CommandOutput, manifest: Manifest, changed: int, *, remove: bool) -> None:
    if not manifest.picked:
        output.show(f"No video of batch {manifest.batch} is picked.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for title in ("picked", "id", "note"):
        table.add_column(title, overflow="fold")
    for row in manifest.picked:
        number = f" :{row.output}" if (row.output or 1) > 1 else ""
        note = Text(row.pick_note or "")
        table.add_row(Text(f"{row.label}{number}"), Text(row.shot_id[:12]), note)
    done = f"{changed} {'removed' if remove else 'picked'} now; " if changed else ""
    count = f"{len(manifest.picked)} of {len(manifest.stored)} videos are picked"
    output.show(
        table,
        f"\n{done}{count}. To download them:",
        f"  prefect-toapis fetch {manifest.batch} FOLDER --picked",
    )
