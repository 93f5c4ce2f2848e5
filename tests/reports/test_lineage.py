"""A batch as OpenLineage sees it."""

from datetime import datetime, timezone

from prefect_toapis.reports.lineage import MakingRun, batch_lineage
from prefect_toapis.reports.manifest import Manifest, ManifestRow
from prefect_toapis.reports.manifest_tables import COLUMNS

URI = "s3://studio/videos/lisbon"
RUN = MakingRun("0b5c", "generate-videos", datetime(2026, 11, 22, 12, tzinfo=timezone.utc))


def a_row(number: int, **told: object) -> ManifestRow:
    stored = {"uri": f"{URI}/{number}/video-1.mp4", "size": 7, "output": 1}
    return ManifestRow.model_validate(
        {
            "batch": "lisbon",
            "shot_id": str(number),
            "scene": f"scene {number}",
            "variant": "v",
            "status": "stored",
            "model": "sora-2",
            "prompt": "A secret dog",
            **stored,
            **told,
        }
    )


def test_a_made_batch_has_its_inputs_outputs_and_schema() -> None:
    manifest = Manifest(batch="lisbon", uri=URI, rows=[a_row(1), a_row(2)])
    event = batch_lineage(manifest, ["s3://studio/stills//a b.png", "/srv/clip.mp4"], RUN)
    assert event.name == "toapis.batch.lineage"
    assert event.resource["prefect.resource.id"] == "toapis.batch.studio/videos/lisbon"
    told = event.payload
    assert (told["eventType"], told["eventTime"]) == ("COMPLETE", "2026-11-22T12:00:00+00:00")
    assert told["run"] == {"runId": "0b5c"}
    assert told["job"] == {"namespace": "prefect-toapis", "name": "generate-videos"}
    assert told["inputs"] == [
        {"namespace": "s3://studio", "name": "stills//a b.png"},
        {"namespace": "file", "name": "/srv/clip.mp4"},
    ]
    batch, *videos = told["outputs"]
    assert (batch["namespace"], batch["name"]) == ("s3://studio", "videos/lisbon")
    assert [field["name"] for field in batch["facets"]["schema"]["fields"]] == list(COLUMNS)
    statistics = batch["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["fileCount"], statistics["size"]) == (2, 2, 14)
    assert [video["name"] for video in videos] == [
        "videos/lisbon/1/video-1.mp4",
        "videos/lisbon/2/video-1.mp4",
    ]
    assert "secret" not in str(told)


def test_every_facet_names_its_specification_and_its_producer() -> None:
    event = batch_lineage(Manifest(batch="lisbon", uri=URI, rows=[a_row(1)]), [], RUN)
    batch = event.payload["outputs"][0]
    facets = {**batch["facets"], **batch["outputFacets"]}
    assert len(facets) == 3
    for facet in facets.values():
        assert facet["_schemaURL"].startswith("https://openlineage.io/spec/facets/1-")
        assert facet["_producer"] == event.payload["producer"]


def test_a_batch_with_a_failed_shot_has_not_completed() -> None:
    failed = a_row(2, status="failed", uri=None, size=None, output=None)
    event = batch_lineage(Manifest(batch="lisbon", uri=URI, rows=[a_row(1), failed]), [], RUN)
    assert event.payload["eventType"] == "FAIL"


def test_a_large_batch_stays_a_small_event() -> None:
    manifest = Manifest(batch="lisbon", uri=URI, rows=[a_row(number) for number in range(1000)])
    event = batch_lineage(manifest, [f"/srv/{number}.png" for number in range(1000)], RUN)
    assert len(event.payload["inputs"]) == 100
    assert len(event.payload["outputs"]) == 101
