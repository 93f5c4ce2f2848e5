"""The content of a batch's Prefect artifacts: table and gallery. Pure."""

import base64
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from prefect_toapis.client.plain_text import printable
from prefect_toapis.planning.plan import Shot
from prefect_toapis.records.layout import GALLERY_FILE
from prefect_toapis.reports.escaping import in_attribute, in_table, plain
from prefect_toapis.reports.gallery import Links, shown_time
from prefect_toapis.reports.manifest import Manifest, ManifestRow

ROWS_SHOWN = 500
POSTERS_SHOWN = 48  # about 10 KB each, in one artifact
_LEFT_SHOWN = 10
_UNDER_WAY_SHOWN = 20  # all are in the bucket's records
_COLUMNS = 3
_REMARK_SHOWN = 100  # characters
_REASON_SHOWN = 80  # characters; neither version of the UI wraps the cells of a table
_POSTER_WIDTH = 200  # pixels; three fit beside each other in a window of 1280


def shot_table(manifest: Manifest) -> list[dict[str, Any]]:
    """Return the rows of the table artifact, those that need attention first.

    Args:
        manifest: Of the batch; rows of earlier plans are omitted.
    """
    rows = sorted((row for row in manifest.rows if row.in_plan), key=_urgency)
    return [
        {
            "shot": in_table(row.label),
            "status": status_shown(row),
            "reason": in_table(_reason(row), _REASON_SHOWN),
            "took": f"{row.elapsed_seconds:.0f} s" if row.elapsed_seconds is not None else "",
            "size": f"{row.size / 1e6:.1f} MB" if row.size is not None else "",
            "video": in_table(row.uri or ""),
        }
        for row in rows[:ROWS_SHOWN]
    ]


def status_shown(row: ManifestRow) -> str:
    """Return the status of a row as people read it."""
    return "not bought" if row.status == "planned" else row.status


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


def gallery_markdown(
    manifest: Manifest,
    posters: Mapping[str, bytes],
    links: Links | None,
    retry_form: str | None = None,
) -> str:
    """Render the gallery artifact: posters with links to the videos, failures and remarks.

    Args:
        manifest: Of the batch.
        posters: Small JPEGs, by the key of the thumbnail.
        links: Signed links; None: videos are listed without links (the table has their S3 URIs).
        retry_form: URL of the form that runs `retry-batch`; None: it isn't deployed.
    """
    page = plain(f"{manifest.uri}/{GALLERY_FILE}")
    shown, more = shown_videos(manifest), len(_videos(manifest)) - POSTERS_SHOWN
    urls = links.urls if links else {}
    missing = [row for row in manifest.rows if row.in_plan and row.error]
    parts = [
        f"# {plain(manifest.batch)}",
        f"**{headline(manifest)}.** The page with players is {page}.",
        _how_long(links),
        _grid([_cell(row, posters, urls) for row in shown]),
        f"And {more} more videos; see the page." if more > 0 else "",
        _list("Not stored", missing, _error),
        _how_to_retry(manifest.batch, retry_form) if missing else "",
        _list("Remarks", manifest.remarked, lambda row: "; ".join(row.remarks)),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _missing(manifest: Manifest) -> dict[str, int]:
    """Count the shots that aren't stored, by reason."""
    counts = {
        "failed": manifest.shots("failed"),
        "open": manifest.shots("open"),
        "not bought": manifest.shots("planned"),
    }
    return {what: count for what, count in counts.items() if count}


def _remarked(manifest: Manifest) -> str | None:
    count = len(manifest.remarked)
    return f"{count} video{' has' if count == 1 else 's have'} remarks" if count else None


def _urgency(row: ManifestRow) -> tuple[int, bool]:
    return ("failed", "open", "planned", "stored").index(row.status), not row.remarks


def _reason(row: ManifestRow) -> str:
    return _error(row) or "; ".join(filter(None, [row.note, *row.remarks]))


def _error(row: ManifestRow) -> str:
    """Return why a shot isn't stored, without its name, which stands beside it."""
    return (row.error or "").removeprefix(f"Shot {row.label}: ")


def _videos(manifest: Manifest) -> list[ManifestRow]:
    return [row for row in manifest.stored if row.in_plan]


def _how_long(links: Links | None) -> str:
    if links is None:
        return "For links to the videos, set `link_hours` on the bucket's block."
    end = f"until {shown_time(links.until)}{' at the latest' if links.at_most else ''}"
    return f"The links are valid {end}; `prefect-toapis gallery` renews the links of the page."


def _how_to_retry(batch: str, form: str | None) -> str:
    deployment = f"[retry-batch/retry-batch]({form})" if form else "`retry-batch/retry-batch`"
    return (
        f"**To retry:** run the deployment {deployment} with batch = {plain(batch)} (and refused "
        "too for prompts that were refused), or `prefect-toapis generate SPEC --retry-failed`. "
        "What is stored or under way is not bought again."
    )


def _cell(row: ManifestRow, posters: Mapping[str, bytes], urls: Mapping[str, str]) -> str:
    link, poster = urls.get(row.key or ""), posters.get(row.thumbnail_key or "")
    image = ""
    if poster:
        source = f"data:image/jpeg;base64,{base64.b64encode(poster).decode()}"
        alt = in_attribute(_name(row))
        image = f'<img src="{source}" width="{_POSTER_WIDTH}" alt="{alt}"><br>'
    # The older UI shows the text of a link as it is, with the backslashes of escaped names.
    play = f"<br>[Play]({link})" if link else ""
    return f"{image}{plain(_name(row))}{play}"


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


def _list(title: str, rows: Sequence[ManifestRow], text: Callable[[ManifestRow], str]) -> str:
    """Render a text for each row; not as a table, as the older UI doesn't wrap its cells."""
    lines = [
        f"- **{plain(_name(row))}** ({status_shown(row)}): {plain(text(row))}"
        for row in rows[:ROWS_SHOWN]
    ]
    more = [f"\nAnd {len(rows) - ROWS_SHOWN} more."] if len(rows) > ROWS_SHOWN else []
    return "\n".join([f"## {title}\n", *lines, *more]) if lines else ""
