"""Faults of a table that only a run finds (files, earlier shots, signed URLs), with their rows."""

import csv
from pathlib import Path
from typing import Any

import pytest
from tests.flows.test_files_of_models import png

from prefect_toapis import InvalidBatch, ToAPIsCredentials, VideoBucket
from prefect_toapis.flows.from_spec import agenerate_from_spec
from prefect_toapis.flows.shards import signed_url_faults
from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.spec_files import open_spec
from prefect_toapis.simulator import Simulator

ROWS = 300


def write_table(path: Path, **columns: Any) -> str:
    """Write a table whose columns are functions of the row's number, from 0."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["Name", "Prompt", *columns])
        for row in range(ROWS):
            cells = [cell(row) for cell in columns.values()]
            table.writerow([f"n{row}", f"A dog {row}", *cells])
    return str(path)


async def test_each_fault_has_its_rows_and_comes_once(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_text("hello")
    write_table(
        tmp_path / "p.csv",
        image_urls=lambda n: "text.png" if n == 4 else f"stills/{n}.png" if n < 100 else "",
        character_url=lambda n: f"{bucket.uri('clips')}/{n}.mp4" if n >= 200 else "",
        character_timestamps=lambda n: "1,3" if n >= 200 else "",
        remix_of=lambda n: "lisbon/tram" if 100 <= n < 200 else "",
    )
    (tmp_path / "b.yaml").write_text("scenes: p.csv\nmax_videos: 300\n")
    with pytest.raises(InvalidBatch) as refused:
        await agenerate_from_spec(
            str(tmp_path / "b.yaml"), "b", credentials=credentials, bucket=bucket
        )
    stills, clips = f"{tmp_path}/stills/0.png", bucket.uri("clips/200.mp4")
    assert sorted(refused.value.faults) == [
        (
            'p.csv: row 6: scene "n4": '
            f"{tmp_path}/text.png: it is not a supported image type: JPEG, PNG, WebP or GIF"
        ),
        (
            'p.csv: rows 102-201: scene "n100" (and 99 more): remix_of: there is no '
            f"{bucket.uri('lisbon/manifest.jsonl')}"
        ),
        (
            f'p.csv: rows 2-5 and 7-101: scene "n0" (and 98 more): {stills}: '
            "there is no such file here; a URL starts with https://"
        ),
        f'p.csv: rows 202-301: scene "n200" (and 99 more): {clips}: there is no such object',
    ]
    assert simulator.ledger.submissions == []


async def test_files_that_a_model_rejects_have_their_rows(
    credentials: ToAPIsCredentials, bucket: VideoBucket, tmp_path: Path
) -> None:
    for side in range(10, 20):
        (tmp_path / f"{side}.png").write_bytes(png(side, side))
    table = write_table(tmp_path / "p.csv", image_urls=lambda n: f"{n}.png" if 10 <= n < 20 else "")
    (tmp_path / "b.yaml").write_text(
        f"scenes: {table}\nvariants: [{{name: v, model: MiniMax-Hailuo-02}}]\nmax_videos: 300\n"
    )
    with pytest.raises(InvalidBatch) as refused:
        await agenerate_from_spec(
            str(tmp_path / "b.yaml"), "b", credentials=credentials, bucket=bucket
        )
    [fault] = refused.value.faults
    assert fault.startswith(
        f"p.csv: rows 12-21: n10 / v (and 9 more): image_urls[0]: {tmp_path}/10.png: "
    )
    assert fault.endswith("(MiniMax-Hailuo-02)")


def test_signed_urls_in_a_batch_in_shards_have_their_rows(tmp_path: Path) -> None:
    url = "https://media.example/{}.png?X-Amz-Signature=5ec2e7"
    table = write_table(tmp_path / "p.csv", image_urls=lambda n: url.format(n) if n > 200 else "")
    spec, faults = open_spec(Path(table).read_bytes(), table).batch()
    assert faults == []
    [fault] = signed_url_faults(plan_batch(spec, "b", "s3://studio").shots, spec)
    assert fault.startswith("p.csv: rows 203-301: n201 / sora-2 (and 98 more): it has a signed URL")
