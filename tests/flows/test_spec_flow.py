"""The flow that reads its batch from a file."""

import json
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

import pytest

from prefect_toapis import Manifest, ToAPIsCredentials, VideoBucket
from prefect_toapis.errors import BatchFailed, InvalidBatch
from prefect_toapis.flows.from_spec import agenerate_from_spec
from prefect_toapis.flows.generate import agenerate_videos
from prefect_toapis.simulator import Simulator

SPEC: dict[str, Any] = {
    "batch": "lisbon",
    "scenes": ["{hero} chases a tram", {"name": "nap", "prompt": "{hero} sleeps"}],
    "variants": [{"name": "short", "model": "sora-2-vip", "duration": 1}],
    "characters": [{"name": "Turbo", "username": "@duksvfkf.turbo_whis"}],
    "casts": [{"roles": {"hero": "Turbo"}}],
    "settings": {"polling": {"first_seconds": 0.05, "interval_seconds": 0.1}},
}
YAML = """
batch: lisbon
scenes:
  - "{hero} chases a tram"
  - {name: nap, prompt: "{hero} sleeps"}
variants: [{name: short, model: sora-2-vip, duration: 1}]
characters: [{name: Turbo, username: duksvfkf.turbo_whis}]
casts: [{roles: {hero: Turbo}}]
settings: {polling: {first_seconds: 0.05, interval_seconds: 0.1}}
"""


async def test_yaml_json_and_an_object_in_the_bucket_are_the_same_batch(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, tmp_path: Path
) -> None:
    (tmp_path / "batch.yaml").write_text(YAML)
    (tmp_path / "batch.json").write_text(json.dumps(SPEC))
    bucket.write("specs/batch.yaml", YAML.encode(), "application/yaml")
    for spec in (
        str(tmp_path / "batch.yaml"),
        str(tmp_path / "batch.json"),
        bucket.uri("specs/batch.yaml"),
        "bucket:specs/batch.yaml",
    ):
        manifest = await agenerate_from_spec(spec, credentials=credentials, bucket=bucket)
        assert manifest.batch == "lisbon"
        assert manifest.shots("stored") == 2
    assert len(simulator.ledger.submissions) == 2
    prompts = {submission.body["prompt"] for submission in simulator.ledger.paid}
    assert "@duksvfkf.turbo_whis sleeps" in prompts


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ("bucket:specs/none.yaml", "specs/none.yaml"),
        ("bucket:", "there is no such object"),
        ("bucket:../other/nightly.yaml", ".."),
    ],
)
async def test_a_key_in_the_bucket_that_is_not_there_is_a_fault_that_names_it(
    credentials: ToAPIsCredentials, bucket: VideoBucket, spec: str, fault: str
) -> None:
    with pytest.raises(InvalidBatch) as refused:
        await agenerate_from_spec(spec, credentials=credentials, bucket=bucket)
    [found] = refused.value.faults
    assert fault in found


async def test_a_spec_in_the_bucket_is_named_after_its_file(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket
) -> None:
    blocks: Any = {"credentials": credentials, "bucket": bucket}
    for key in ("specs/by-night.yaml", "by-night.yaml"):
        bucket.write(key, f"scenes: [A tram]\nsettings: {QUICK}\n".encode(), "application/yaml")
        found = await agenerate_from_spec(f"bucket:{key}", dry_run=True, **blocks)
        assert found.batch == "by-night"
    assert not simulator.ledger.submissions


async def test_a_file_without_a_batch_is_named_after_itself_and_continues(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, tmp_path: Path
) -> None:
    spec = tmp_path / "Lisbon at night.yaml"
    spec.write_text(f"scenes: [A tram]\nsettings: {QUICK}\n")
    blocks: Any = {"credentials": credentials, "bucket": bucket}
    names = [(await agenerate_from_spec(str(spec), **blocks)).batch for _ in range(2)]
    assert names == ["lisbon-at-night", "lisbon-at-night"]
    assert len(simulator.ledger.paid) == 1
    another = await agenerate_from_spec(str(spec), new=True, **blocks)
    assert re.fullmatch(r"lisbon-at-night-[0-9a-f]{8}", another.batch)
    named = await agenerate_from_spec(str(spec), "b", new=True, **blocks)
    assert re.fullmatch(r"b-[0-9a-f]{8}", named.batch)
    assert len(simulator.ledger.paid) == 3


QUICK = "{polling: {first_seconds: 0.05, interval_seconds: 0.1}}"


async def test_a_table_alone_is_a_batch_and_beside_a_spec_its_scenes(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, tmp_path: Path
) -> None:
    table = b"name,prompt\r\ntram,A tram\r\nnap,A cat sleeps\r\n"
    spec = f"scenes: ../tables/p.csv\nvariants: [{{duration: 15}}]\nsettings: {QUICK}\n"
    bucket.write("tables/p.csv", table, "text/csv")
    bucket.write("specs/lisbon.yaml", spec.encode(), "application/yaml")
    flow = agenerate_from_spec
    alone = await flow(bucket.uri("tables/p.csv"), "b", credentials=credentials, bucket=bucket)
    assert [row.request for row in alone.stored] == [{}, {}]
    uri = bucket.uri("specs/lisbon.yaml")
    beside = await flow(uri, "b", credentials=credentials, bucket=bucket)
    assert [row.label for row in beside.stored if row.in_plan] == [
        "tram / sora-2-15s",
        "nap / sora-2-15s",
    ]
    paid = [one.body["prompt"] for one in simulator.ledger.paid]
    assert sorted(paid) == ["A cat sleeps"] * 2 + ["A tram"] * 2

    (tmp_path / "here.yaml").write_text(f"scenes: {bucket.uri('tables/p.csv')}\n")
    here = str(tmp_path / "here.yaml")
    planned = await flow(here, "c", credentials=credentials, bucket=bucket, dry_run=True)
    assert [row.scene for row in planned.rows] == ["tram", "nap"]


async def test_a_table_that_is_not_there_is_a_fault_among_the_others(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, tmp_path: Path
) -> None:
    (tmp_path / "b.yaml").write_text("scenes: p.csv\nvariants: [{durations: 3}]\n")
    bucket.write("b.yaml", b"scenes: p.parquet\n", "application/yaml")
    for spec, told in {
        str(tmp_path / "b.yaml"): ["there is no such file", "did you mean 'duration'?"],
        bucket.uri("b.yaml"): [f"{bucket.uri('p.parquet')}: there is no such object"],
        bucket.uri("p.jsonl"): ["there is no such object"],
    }.items():
        with pytest.raises(InvalidBatch) as caught:
            await agenerate_from_spec(spec, "b", credentials=credentials, bucket=bucket)
        assert all(any(one in fault for fault in caught.value.faults) for one in told)
    assert simulator.ledger.submissions == []


async def test_a_batch_named_by_a_template_takes_the_place_of_the_file_s_own(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, tmp_path: Path
) -> None:
    spec = tmp_path / "batch.yaml"
    spec.write_text(YAML)
    manifest = await agenerate_from_spec(
        str(spec),
        "nightly-{scheduled}-{date}",
        credentials=credentials,
        bucket=bucket,
        dry_run=True,
    )
    today = datetime.now(timezone.utc)
    assert manifest.batch == f"nightly-{today:%Y-%m-%d}-{today:%Y-%m-%d}"
    assert manifest.uri == bucket.uri(manifest.batch)
    assert [row.status for row in manifest.rows] == ["planned", "planned"]
    assert simulator.ledger.submissions == []


async def test_the_file_says_whether_failures_are_tolerated(
    credentials: ToAPIsCredentials, bucket: VideoBucket, tmp_path: Path
) -> None:
    spec = tmp_path / "batch.json"
    refused = {**SPEC, "scenes": ["refuse me"], "characters": [], "casts": []}
    spec.write_text(json.dumps(refused))
    with pytest.raises(BatchFailed, match="1 of 1 shots failed"):
        await agenerate_from_spec(str(spec), credentials=credentials, bucket=bucket)
    spec.write_text(json.dumps({**refused, "on_failure": "tolerate"}))
    manifest = await agenerate_from_spec(str(spec), credentials=credentials, bucket=bucket)
    assert manifest.shots("failed") == 1


async def test_parameters_may_be_as_plain_as_the_ui_and_yaml_have_them(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket
) -> None:
    flow = cast("Callable[..., Awaitable[Manifest]]", agenerate_videos)
    manifest = await flow(**SPEC, credentials=credentials, bucket=bucket)
    assert manifest.shots("stored") == len(simulator.ledger.paid) == 2
