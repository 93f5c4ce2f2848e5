"""The content of a batch's Prefect artifacts: table, gallery and plan. Pure."""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from prefect_toapis.client.plain_text import printable
from prefect_toapis.planning.plan import Shot
from prefect_toapis.records.layout import GALLERY_FILE
from prefect_toapis.reports.gallery import Links, shown_time
from prefect_toapis.reports.manifest import Manifest, ManifestRow

ROWS_SHOWN = 500
POSTERS_SHOWN = 48  # about 10 KB each, in one artifact
_LEFT_SHOWN = 10
_UNDER_WAY_SHOWN = 20  # all are in the bucket's records
_COLUMNS = 3
_REMARK_SHOWN = 100  # characters
_CELL_SHOWN = 10_000  # characters
_POSTER_WIDTH = 240  # pixels
# Escaped, so that no part of a name, prompt or error is rendered as markup.
_MARKUP = re.compile(r"[\\`*_\[\](){}<>#|~&!:@\"'$]")


def shot_table(manifest: Manifest) -> list[dict[str, Any]]:
    """Return the rows of the table artifact, those that need attention first.

    Args:
        manifest: Of the batch; rows of earlier plans are omitted.
    """
    rows = sorted((row for row in manifest.rows if row.in_plan), key=_urgency)
    return [
        {
            "shot": row.label,
            "status": row.status,
            "took": f"{row.elapsed_seconds:.0f} s" if row.elapsed_seconds is not None else "",
            "size": f"{row.size / 1e6:.1f} MB" if row.size is not None else "",
            "video": printable(row.uri or ""),
            "reason": printable(_reason(row)),
        }
        for row in rows[:ROWS_SHOWN]
    ]


def headline(manifest: Manifest) -> str:
    """Summarise the status of a batch in one line.

    Example:
        >>> headline(Manifest(batch="lisbon", uri="s3://studio/lisbon"))
        '0 of 0 shots stored'
    """
    stored = f"{manifest.shots('stored')} of {manifest.shots()} shots stored"
    others = [f"{count} {what}" for what, count in _missing(manifest).items()]
    counts = ", ".join(filter(None, [stored, *others, _remarked(manifest)]))
    return "; ".join(filter(None, [counts, manifest.spent]))


def shortfall(manifest: Manifest) -> str | None:
    """Summarise the shots that aren't stored; None if all are stored.

    Example:
        >>> shortfall(Manifest(batch="lisbon", uri="s3://studio/lisbon")) is None
        True
    """
    missing = [(count, what) for what, count in _missing(manifest).items()]
    if not missing:
        return None
    (count, what), *others = missing
    first = f"{count} of {manifest.shots()} shots {what}"
    return ", ".join([first, *[f"{count} {what}" for count, what in others]])


def remarks_in_words(manifest: Manifest) -> str | None:
    """Summarise the videos with remarks, with the first of them; None if there are none.

    Example:
        >>> remarks_in_words(Manifest(batch="lisbon", uri="s3://studio/lisbon")) is None
        True
    """
    if not manifest.remarked:
        return None
    first, videos = manifest.remarked[0], len(_videos(manifest))
    remark = printable(first.remarks[0], _REMARK_SHOWN)
    return f"{len(manifest.remarked)} of {videos} videos have remarks: {_name(first)}: {remark}"


def still_under_way(batch: str, task_ids: Mapping[str, str]) -> str:
    """Return the message for a run that stops waiting.

    Args:
        batch: Name of the batch.
        task_ids: Generations that are paid and not stored, by the label of their shot.

    Example:
        >>> print(still_under_way("lisbon", {"chase / tall": "video_01K8"}))
        Cancelling stops the waiting, not the billing: 1 generation is paid and not stored. \
Run batch "lisbon" again, or `prefect-toapis reconcile lisbon`, within 24 hours of its completion:
          chase / tall: video_01K8
    """
    count = len(task_ids)
    what = "1 generation is" if count == 1 else f"{count} generations are"
    shown = islice(task_ids.items(), _UNDER_WAY_SHOWN)
    listed = "".join(f"\n  {label}: {task_id}" for label, task_id in shown)
    if count > _UNDER_WAY_SHOWN:
        listed += f"\n  and {count - _UNDER_WAY_SHOWN} more"
    return (
        f"Cancelling stops the waiting, not the billing: {what} paid and not stored. "
        f'Run batch "{batch}" again, or `prefect-toapis reconcile {batch}`, within 24 hours of '
        f"{'its' if count == 1 else 'their'} completion:{listed}"
    )


def words_of_left(batch: str, left: Sequence[Shot]) -> str:
    """Return the message about orphaned shots of earlier plans."""
    labels = ", ".join(shot.label for shot in left[:_LEFT_SHOWN])
    more = f" and {len(left) - _LEFT_SHOWN} more" if len(left) > _LEFT_SHOWN else ""
    return (
        f"Sent by an earlier plan, not stored, and not in this plan: {labels}{more}. "
        f"`prefect-toapis reconcile {batch}` finishes them"
    )


def shown_videos(manifest: Manifest) -> list[ManifestRow]:
    """Return the videos that `gallery_markdown` shows."""
    return _videos(manifest)[:POSTERS_SHOWN]


def gallery_markdown(manifest: Manifest, posters: Mapping[str, bytes], links: Links | None) -> str:
    """Render the gallery artifact: posters with links to the videos, failures and remarks.

    Args:
        manifest: Of the batch.
        posters: Small JPEGs, by the key of the thumbnail.
        links: Signed links; None: videos are listed without links (the table has their S3 URIs).
    """
    page = printable(f"{manifest.uri}/{GALLERY_FILE}")
    shown, more = shown_videos(manifest), len(_videos(manifest)) - POSTERS_SHOWN
    urls = links.urls if links else {}
    missing = [row for row in manifest.rows if row.in_plan and row.error]
    parts = [
        f"# {plain(manifest.batch)}",
        f"**{headline(manifest)}.** The page with players is `{page}`.",
        _how_long(links),
        _grid([_cell(row, posters, urls) for row in shown]),
        f"And {more} more videos; see the page." if more > 0 else "",
        _table("Not stored", "reason", missing, lambda row: row.error or ""),
        _table("Remarks", "remarks", manifest.remarked, lambda row: "; ".join(row.remarks)),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def plan_markdown(manifest: Manifest) -> str:
    """Render the result of a dry run: planned and stored shots, and the price."""
    rows = [row for row in manifest.rows if row.in_plan]
    lines = [
        f"| {plain(row.label)} | {row.status} | {plain(row.model)} | {plain(_settings(row))} | "
        f"{plain(row.prompt)} |"
        for row in rows[:ROWS_SHOWN]
    ]
    table = ["| shot | status | model | settings | prompt |", "| --- " * 5 + "|", *lines]
    more = f"And {len(rows) - ROWS_SHOWN} more." if len(rows) > ROWS_SHOWN else ""
    head = (
        f"# {plain(manifest.batch)}: a dry run\n\n**{plain(manifest.plan)}.** Nothing was bought."
    )
    return "\n\n".join(filter(None, [head, "\n".join(table), more])) + "\n"


def plain(text: str) -> str:
    """Escape a text for Markdown and HTML, in one line.

    Example:
        >>> plain("<b>*a* | b")
        '&#60;b&#62;&#42;a&#42; &#124; b'
    """
    line = printable(" ".join(text.split()), _CELL_SHOWN)
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", line)


def _missing(manifest: Manifest) -> dict[str, int]:
    """Count the shots that aren't stored, by reason."""
    counts = {
        "failed": manifest.shots("failed"),
        "open": manifest.shots("open"),
        "not submitted": manifest.shots("planned"),
    }
    return {what: count for what, count in counts.items() if count}


def _remarked(manifest: Manifest) -> str | None:
    count = len(manifest.remarked)
    return f"{count} video{' has' if count == 1 else 's have'} remarks" if count else None


def _urgency(row: ManifestRow) -> tuple[int, bool]:
    return ("failed", "open", "planned", "stored").index(row.status), not row.remarks


def _reason(row: ManifestRow) -> str:
    return row.error or "; ".join(filter(None, [row.note, *row.remarks]))


def _videos(manifest: Manifest) -> list[ManifestRow]:
    return [row for row in manifest.stored if row.in_plan]


def _how_long(links: Links | None) -> str:
    if links is None:
        return "For links to the videos, set `link_hours` on the bucket's block."
    end = f"until {shown_time(links.until)}{' at the latest' if links.at_most else ''}"
    return f"The links are valid {end}; `prefect-toapis gallery` renews the links of the page."


def _cell(row: ManifestRow, posters: Mapping[str, bytes], urls: Mapping[str, str]) -> str:
    name = plain(_name(row))
    link = urls.get(row.key or "")
    poster = posters.get(row.thumbnail_key or "")
    image = ""
    if poster:
        data = base64.b64encode(poster).decode()
        image = (
            f'<img src="data:image/jpeg;base64,{data}" width="{_POSTER_WIDTH}" alt="{name}"><br>'
        )
    return f"{image}[{name}]({link})" if link else f"{image}{name}"


def _name(row: ManifestRow) -> str:
    return row.label if row.output in {None, 1} else f"{row.label}, output {row.output}"


def _grid(cells: list[str]) -> str:
    if not cells:
        return ""
    rows = [cells[start : start + _COLUMNS] for start in range(0, len(cells), _COLUMNS)]
    width = len(rows[0])
    lines = ["|" + "   |" * width, "|" + " --- |" * width]
    lines += [f"| {' | '.join([*row, *[''] * (width - len(row))])} |" for row in rows]
    return "\n".join(lines)


def _table(
    title: str, column: str, rows: Sequence[ManifestRow], text: Callable[[ManifestRow], str]
) -> str:
    lines = [
        f"| {plain(_name(row))} | {row.status} | {plain(text(row))} |" for row in rows[:ROWS_SHOWN]
    ]
    if not lines:
        return ""
    head = [f"## {title}\n", f"| shot | status | {column} |", "| --- | --- | --- |"]
    return "\n".join([*head, *lines])


def _settings(row: ManifestRow) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.request.items())
