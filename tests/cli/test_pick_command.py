"""`prefect-toapis pick`: picks in the bucket, in the manifest and in the page."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.stored_batch import BATCH, MARKET, TRAM, store_batch

from prefect_toapis import Manifest, VideoBucket

Run = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")


@pytest.fixture
def stored(bucket: VideoBucket) -> VideoBucket:
    store_batch(bucket)
    return bucket


def picked(bucket: VideoBucket) -> dict[tuple[str, int | None], str | None]:
    return {(row.scene, row.output): row.pick_note for row in bucket.load_manifest(BATCH).picked}


def test_picks_are_kept_and_shown_in_manifest_and_page(call: Run, stored: VideoBucket) -> None:
    ended = call("pick", BATCH, "tram / wide", MARKET.shot_id[:8] + ":2", "--note", "calm")
    assert ended.returncode == 0, ended.stderr
    assert "2 picked now; 2 of 3 videos are picked. To download them:" in ended.stdout
    assert picked(stored) == {("tram", 1): "calm", ("market", 2): "calm"}
    document = json.loads(stored.read(f"{BATCH}/picks.json") or b"")
    assert (document["version"], document["batch"], len(document["picks"])) == (1, BATCH, 2)
    table = Manifest.from_file(stored.read(f"{BATCH}/manifest.parquet"), "s3://v/spring/m.parquet")
    assert [row.picked for row in table.rows] == [True, False, True, False]
    assert stored.read(f"{BATCH}/index.html")

    found = json.loads(call("pick", BATCH, "tram / wide", "--remove", "--json").stdout)
    assert found["error"] is None
    assert found["changed"] == 1
    assert [each["label"] for each in found["picked"]] == ["market / wide"]
    assert picked(stored) == {("market", 2): "calm"}


def test_what_the_page_exports_is_added(call: Run, stored: VideoBucket, tmp_path: Path) -> None:
    file = tmp_path / "picks.json"
    exported = {"batch": BATCH, "picks": [{"shot": TRAM.shot_id, "output": 1, "note": "loud"}]}
    file.write_text(json.dumps(exported))
    assert call("pick", BATCH, MARKET.shot_id).returncode == 0
    ended = call("pick", BATCH, "--file", "picks.json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert picked(stored) == {("tram", 1): "loud", ("market", 1): None, ("market", 2): None}
    listed = call("pick", BATCH)
    assert "loud" in listed.stdout

    exported["picks"] = [{"shot": "nobody"}]
    file.write_text(json.dumps(exported))
    ended = call("pick", BATCH, "--file", "picks.json")
    assert (ended.returncode, "has no video of nobody" in ended.stdout) == (1, True)


def test_what_is_unknown_is_said_and_changes_nothing(call: Run, stored: VideoBucket) -> None:
    for arguments, said in (
        (["trams / wide"], 'there is no shot "trams / wide"; the nearest: "tram / wide"'),
        (["beach / wide"], "beach / wide is failed: only stored videos can be picked"),
        (["--note", "calm"], "--note: name the shots"),
        (["--file", "nothing.json"], "nothing.json: there is no such file"),
    ):
        ended = call("pick", BATCH, *arguments)
        assert ended.returncode == 1
        assert said in " ".join(ended.stdout.split())
        assert "Traceback" not in ended.stdout + ended.stderr
    assert stored.read(f"{BATCH}/picks.json") is None
