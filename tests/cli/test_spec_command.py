"""`prefect-toapis spec put`."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from prefect_toapis import VideoBucket

Run = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")

SPEC = """\
batch: nightly-{scheduled}   # one a night
scenes: prompts.csv
variants: [{model: sora-2, duration: 10}]
"""
TABLE = "name,prompt,image_urls\ntram,A tram,./images/tram.png\nmarket,A market,\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    specs = tmp_path / "mine"
    (specs / "images").mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(specs / "images/tram.png")
    (specs / "nightly.yaml").write_text(SPEC)
    (specs / "prompts.csv").write_text(TABLE)
    return specs


def test_a_spec_is_copied_with_its_files_and_works_there(
    call: Run, bucket: VideoBucket, folder: Path
) -> None:
    ended = call("spec", "put", "mine/nightly.yaml", "--name", "lisbon.yaml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[-1] == "  bucket:specs/lisbon.yaml"
    assert "Batch nightly-{scheduled}, 2 shots." in ended.stdout
    keys = ["specs/images/tram.png", "specs/lisbon.yaml", "specs/prompts.csv"]
    assert sorted(bucket.list_keys("specs/")) == keys
    assert bucket.read("specs/lisbon.yaml") == SPEC.encode()
    assert bucket.read("specs/images/tram.png") == (folder / "images/tram.png").read_bytes()

    ended = call("generate", "bucket:specs/lisbon.yaml", "--dry-run")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "2 shots: 0 stored, 2 to buy" in ended.stdout


def test_a_spec_with_faults_is_not_copied(call: Run, bucket: VideoBucket, folder: Path) -> None:
    Image.new("RGB", (64, 64)).save(folder.parent / "outside.png")
    for content, fault in (
        ("scenes: [{prompt: A dog, image_urls: [../outside.png]}]", "files in its folder or below"),
        (
            f"scenes: [{{prompt: A dog, image_urls: ['{folder}/images/tram.png']}}]",
            "a spec in S3 can only name files in S3",
        ),
        ("scenes: [{prompt: A dog, image_urls: [./none.png]}]", "there is no such file"),
        ("scenes: [{prompt: '{hero} runs'}]", "hero"),
        ("scenes: [{promt: A dog}]", "did you mean 'prompt'?"),
        ("scenes: other/prompts.csv", "keep the table in the spec's folder"),
        ("scenes: none.csv", "there is no such file"),
        ("batch: specs\nscenes: [A dog]", "the name is reserved"),
    ):
        (folder / "bad.yaml").write_text(content)
        ended = call("spec", "put", "mine/bad.yaml", "--json")
        found = json.loads(ended.stdout)
        assert ended.returncode == 2
        assert any(fault in each for each in found["error"]["faults"]), found
    for name, fault in (("../x.yaml", "letters, digits"), ("x.csv", "keep the suffix '.yaml'")):
        ended = call("spec", "put", "mine/nightly.yaml", "--name", name)
        assert (ended.returncode, fault in " ".join(ended.stdout.split())) == (2, True)
    assert bucket.list_keys("specs/") == []


def test_a_table_alone_is_a_spec(call: Run, bucket: VideoBucket, folder: Path) -> None:
    found = json.loads(call("spec", "put", "mine/prompts.csv", "--json").stdout)
    assert found["error"] is None
    assert (found["batch"], found["shots"]) == ("prompts", 2)
    assert found["files"] == [
        bucket.uri("specs/images/tram.png"),
        bucket.uri("specs/prompts.csv"),
    ]
