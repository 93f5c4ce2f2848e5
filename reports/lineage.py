"""A batch as an OpenLineage event: input files, output videos, and the schema of the manifest.

The form is that of OpenLineage's specification 2-0-2 (https://openlineage.io/spec).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from prefect_toapis.reports.events import Event, batch_resource
from prefect_toapis.reports.manifest import Manifest
from prefect_toapis.reports.manifest_tables import COLUMNS

BATCH_LINEAGE = "toapis.batch.lineage"

_SPEC = "https://openlineage.io/spec"
_PRODUCER = f"https://github.com/prefect-toapis/prefect-toapis/tree/{version('prefect-toapis')}"
_NAMESPACE = "prefect-toapis"  # of jobs
_SHOWN = 100  # datasets of a kind; the manifest has all


@dataclass(frozen=True)
class MakingRun:
    """The flow run that made a batch.

    Args:
        id: Of the flow run.
        flow: Its name, which is the name of the job.
        ended: When its videos were stored, with a time zone.
    """

    id: str
    flow: str
    ended: datetime


def batch_lineage(manifest: Manifest, files: Iterable[str], run: MakingRun) -> Event:
    """Return the event that a batch was made, with an OpenLineage `RunEvent` as its payload.

    Args:
        manifest: Of the batch.
        files: The paths and `s3://` URIs of its input files.
        run: That made it.

    Example:
        >>> from datetime import timezone
        >>> run = MakingRun("0b5c", "generate-videos", datetime(2026, 11, 22, tzinfo=timezone.utc))
        >>> manifest = Manifest(batch="lisbon", uri="s3://studio/videos/lisbon")
        >>> event = batch_lineage(manifest, ["s3://studio/stills/tram.png"], run)
        >>> [event.payload[end][0]["name"] for end in ("inputs", "outputs")]
        ['stills/tram.png', 'videos/lisbon']
    """
    videos = [row for row in manifest.stored if row.in_plan]
    made = {**_dataset(manifest.uri), "facets": _facets(manifest), "outputFacets": _size(manifest)}
    payload = {
        "eventType": "COMPLETE" if manifest.shots("stored") == manifest.shots() else "FAIL",
        "eventTime": run.ended.isoformat(),
        "run": {"runId": run.id},
        "job": {"namespace": _NAMESPACE, "name": run.flow},
        "inputs": [_dataset(file) for file in [*files][:_SHOWN]],
        "outputs": [made, *[_dataset(row.uri) for row in videos[:_SHOWN] if row.uri]],
        "producer": _PRODUCER,
        "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }
    return Event(BATCH_LINEAGE, batch_resource(manifest.uri, manifest.batch), payload)


def _dataset(uri: str) -> dict[str, Any]:
    """Name a dataset as OpenLineage does: `s3://bucket` and the key, or `file` and the path."""
    parts = urlsplit(uri)
    if parts.scheme == "s3":
        key = uri.removeprefix(f"s3://{parts.netloc}").removeprefix("/")
        return {"namespace": f"s3://{parts.netloc}", "name": key}
    return {"namespace": "file", "name": uri}


def _facets(manifest: Manifest) -> dict[str, Any]:
    columns = [{"name": name, "type": kind} for name, kind in COLUMNS.items()]
    return {
        "schema": {**_facet("1-2-0/SchemaDatasetFacet"), "fields": columns},
        "dataSource": {
            **_facet("1-0-1/DatasourceDatasetFacet"),
            "name": manifest.uri,
            "uri": manifest.uri,
        },
    }


def _size(manifest: Manifest) -> dict[str, Any]:
    return {
        "outputStatistics": {
            **_facet("1-0-2/OutputStatisticsOutputDatasetFacet"),
            "rowCount": len(manifest.rows),
            "fileCount": len(manifest.stored),
            "size": sum(row.size or 0 for row in manifest.stored),
        }
    }


def _facet(name: str) -> dict[str, str]:
    _, _, kind = name.partition("/")
    return {"_producer": _PRODUCER, "_schemaURL": f"{_SPEC}/facets/{name}.json#/$defs/{kind}"}
