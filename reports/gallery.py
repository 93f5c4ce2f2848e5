"""The gallery page of a batch: all videos and unstored shots in a single static HTML file."""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.resources import files
from string import Template
from typing import Any
from urllib.parse import quote, urlsplit

from prefect_toapis.client.plain_text import json_escaped, visible
from prefect_toapis.reports.manifest import Manifest, ManifestRow

GALLERY_TYPE = "text/html; charset=utf-8"

_HANDLE = re.compile(r"(?<![\w.])@([\w.]*\w)")
_RATIO = re.compile(r"(\d{1,5})\s*[:x]\s*(\d{1,5})")
_SHORT = ("duration", "aspect_ratio", "style")  # request fields in a card's summary line
_ORIGIN = re.compile(r"https?://[\w.:\[\]-]+", re.ASCII)
_TEMPLATE, _STYLE, _SCRIPTS = "gallery.html", "gallery.css", ("gallery.js", "gallery_picks.js")


@dataclass(frozen=True)
class Links:
    """Signed links to a batch's files, for its gallery page.

    Args:
        urls: By key below the bucket's prefix; http(s) only.
        until: When they expire, with a time zone.
        at_most: Whether they may expire earlier, with the temporary credentials that signed them.
    """

    urls: Mapping[str, str]
    until: datetime
    at_most: bool = False

    def __post_init__(self) -> None:
        """Check the URLs.

        Raises:
            ValueError: A URL is not an http(s) URL.
        """
        for key, url in self.urls.items():
            if not _ORIGIN.fullmatch(_origin(url)):
                raise ValueError(f"{key}: its link is not an http(s) URL")


def gallery_html(manifest: Manifest, links: Links | None = None) -> str:
    """Render the page `index.html` of a batch: a single file without external resources.

    It works from a local folder, a static site or with signed links. All text of the manifest is
    escaped. The output is deterministic.

    Args:
        manifest: Of the batch.
        links: Signed links; None: videos are linked relative to the page, in the same folder.

    Example:
        ```python
        Path("spring/index.html").write_text(gallery_html(manifest), encoding="utf-8")
        ```
    """
    style, script = _part(_STYLE), "\n".join(map(_part, _SCRIPTS))
    page = {
        "batch": manifest.batch,
        "uri": manifest.uri,
        "until": shown_time(links.until) if links else None,
        "ends": links.until.timestamp() if links else None,
        "atMost": bool(links and links.at_most),
        "rows": [_card(row, links) for row in manifest.rows],
    }
    return Template(_part(_TEMPLATE)).substitute(
        policy=html.escape(_policy(style, script, links)),
        title=html.escape(visible(manifest.batch)),
        style=style,
        script=script,
        data=_embedded(page),
    )


def shown_time(time: datetime) -> str:
    """Format a time for display, in UTC.

    Example:
        >>> shown_time(datetime(2026, 11, 22, 12, tzinfo=timezone.utc))
        '2026-11-22 12:00 UTC'
    """
    return f"{time.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"


def _card(row: ManifestRow, links: Links | None) -> dict[str, Any]:
    return {
        "shot": row.shot_id,
        "scene": row.scene,
        "variant": row.variant,
        "cast": row.cast,
        "who": sorted({*_HANDLE.findall(row.prompt), *row.characters}),
        "take": row.take,
        "output": row.output if row.request.get("n", 1) != 1 else None,
        "number": row.output,
        "label": row.label,
        "status": row.status,
        "inPlan": row.in_plan,
        "video": _address(row.batch, row.key, links),
        "poster": _address(row.batch, row.thumbnail_key, links),
        "tall": _tall(row.request.get("aspect_ratio")),
        "bytes": row.size or 0,
        "prompt": row.prompt,
        "short": _short(row),
        "note": row.note,
        "remarks": row.remarks,
        "error": row.error,
        "picked": row.picked,
        "pickNote": row.pick_note or "",
        "facts": list(_facts(row)),
    }


def _short(row: ManifestRow) -> str:
    """Return the settings that distinguish variants at a glance."""
    settings = [_shown(name, row.request[name]) for name in _SHORT if row.request.get(name)]
    hd = ["hd"] if row.request.get("hd") else []
    return " · ".join([row.model, *settings, *hd])


def _facts(row: ManifestRow) -> Iterator[tuple[str, str]]:
    """Yield the details of a card."""
    yield "model", row.model
    for name, value in row.request.items():
        yield name, _shown(name, value)
    known: dict[str, Any] = {
        "characters made": ", ".join(f"@{name}" for name in row.characters),
        "size": _megabytes(row.size),
        "video": _measured(row),
        "SHA-256": row.sha256,
        "task id": row.task_id,
        "business id": row.business_id,
        "shot id": row.shot_id,
        "attempt": row.attempt,
        "submitted": _when(row.submitted_at),
        "stored": _when(row.stored_at),
        "took": f"{row.elapsed_seconds:.0f} s" if row.elapsed_seconds is not None else None,
        "URI": row.uri,
    }
    yield from ((name, str(value)) for name, value in known.items() if value)


def _measured(row: ManifestRow) -> str:
    """Return what the video itself is, as far as it is known."""
    sound = {True: "with sound", False: "without sound", None: None}[row.has_audio]
    known = [
        f"{row.seconds:.1f} s" if row.seconds is not None else None,
        f"{row.width} x {row.height}" if row.width and row.height else None,
        f"{row.fps:g} frames/s" if row.fps is not None else None,
        row.codec,
        sound,
    ]
    return ", ".join(filter(None, known))


def _shown(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "duration":
        return f"{value} s"
    if isinstance(value, list):
        return "\n".join(_shown("", item) for item in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _address(batch: str, key: str | None, links: Links | None) -> str | None:
    """Return the link from the page to an object."""
    if key is None:
        return None
    if links and key in links.urls:
        return links.urls[key]
    inside = key.removeprefix(f"{batch}/")
    # With a leading dot, no part of a key can be parsed as a scheme or a host.
    return f"./{quote(inside)}" if inside != key else f"../{quote(key)}"


def _tall(aspect_ratio: Any) -> bool:
    match = _RATIO.fullmatch(aspect_ratio) if isinstance(aspect_ratio, str) else None
    return match is not None and int(match[1]) < int(match[2])


def _when(time: datetime | None) -> str | None:
    return shown_time(time) if time else None


def _megabytes(size: int | None) -> str | None:
    return f"{size / 1e6:.1f} MB ({size:,} bytes)" if size is not None else None


def _policy(style: str, script: str, links: Links | None) -> str:
    """Return the content security policy: this script and style, and files from their origins."""
    origins = sorted({_origin(url) for url in links.urls.values()}) if links else []
    media = " ".join(["'self'", "file:", *origins])
    rules = {
        "default-src": "'none'",
        "script-src": _digest(script),
        "style-src": _digest(style),
        "img-src": f"{media} data:",  # its own icon
        "media-src": media,
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _digest(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _embedded(value: Any) -> str:
    """Return JSON that can't close the HTML element that contains it."""
    text = json_escaped(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _part(name: str) -> str:
    return (files("prefect_toapis.reports") / name).read_text(encoding="utf-8")
