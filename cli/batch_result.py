"""What a run of a batch did, as JSON; and which commands go on with it."""

import shlex
from collections.abc import Iterator
from typing import Any

from prefect_toapis.flows.progress import Progress
from prefect_toapis.records.layout import GALLERY_FILE, MANIFEST_FILE
from prefect_toapis.reports.manifest import Manifest, RowStatus

_COUNTS: dict[str, RowStatus] = {
    "stored": "stored",
    "failed": "failed",
    "open": "open",
    "not_bought": "planned",
}


def batch_facts(manifest: Manifest, progress: Progress, seconds: float) -> dict[str, Any]:
    """Return the facts of a run, with keys that stay the same.

    Args:
        manifest: Of the batch.
        progress: Of the run, with its purchases.
        seconds: Duration of the run.
    """
    shots = {name: manifest.shots(status) for name, status in _COUNTS.items()}
    return {
        "batch": manifest.batch,
        "uri": manifest.uri,
        **files_of(manifest),
        "plan": manifest.plan,
        "spent": manifest.spent,
        "shots": {"total": manifest.shots(), **shots},
        "generations_bought": len(bought(manifest, progress)),
        "characters_bought": len(progress.made),
        "seconds": round(seconds, 1),
        "rows": [row.model_dump(mode="json") for row in manifest.rows],
    }


def files_of(manifest: Manifest) -> dict[str, str]:
    """Return the URIs of the page and the manifest of a batch."""
    return {
        "page": f"{manifest.uri}/{GALLERY_FILE}",
        "manifest": f"{manifest.uri}/{MANIFEST_FILE}",
    }


def bought(manifest: Manifest, progress: Progress) -> set[str]:
    """Return the labels of the shots that a run bought.

    A generation that failed in the end was accepted, and isn't charged.

    Args:
        manifest: Of the batch.
        progress: Of the run.
    """
    return progress.bought - {row.label for row in manifest.rows if row.money == "not spent"}


def next_steps(manifest: Manifest, spec: str) -> Iterator[str]:
    """Yield what to do about shots that aren't stored: why, and the command.

    Args:
        manifest: Of the batch.
        spec: The path of its spec.

    Example:
        >>> row = {"batch": "b", "shot_id": "x", "scene": "tram", "variant": "wide",
        ...        "status": "failed", "model": "sora-2", "prompt": "A tram"}
        >>> failed = Manifest(batch="b", uri="s3://studio/b", rows=[row])
        >>> list(next_steps(failed, "my specs/b.yaml"))
        ['1 failed or refused; to try once more:', \
"  prefect-toapis generate 'my specs/b.yaml' --batch b --retry-failed"]
    """
    again = shlex.join(["prefect-toapis", "generate", spec, "--batch", manifest.batch])
    if count := manifest.shots("open"):
        yield f"{count} open; to finish without buying:"
        yield f"  prefect-toapis reconcile {manifest.batch}"
    if count := manifest.shots("planned"):
        yield f"{count} not bought; to go on:"
        yield f"  {again}"
    if count := manifest.shots("failed"):
        yield f"{count} failed or refused; to try once more:"
        yield f"  {again} --retry-failed"
