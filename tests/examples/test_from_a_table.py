"""The example with a table, run as it stands."""

import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from prefect_toapis import VideoBucket
from prefect_toapis.simulator import Simulator

PROMPTS = pd.DataFrame(
    {
        "scene_id": [7, 8],
        "name": ["tram", "market"],
        "prompt": ["A yellow tram, uphill", "refuse me"],
    }
)


def test_a_local_csv_comes_back_with_its_videos_and_the_reasons_of_those_that_failed(
    simulator: Simulator,
    account: dict[str, Any],
    bucket: VideoBucket,
    example: Callable[[str], ModuleType],
    tmp_path: Path,
) -> None:
    PROMPTS.to_csv(tmp_path / "prompts.csv", index=False)
    flow = example("from_a_table").from_a_table
    result = flow(str(tmp_path / "prompts.csv"), **account)
    assert result == str(tmp_path / "prompts-videos.csv")
    table = pd.read_csv(result)
    assert table["scene_id"].tolist() == [7, 7, 8, 8]
    assert table["variant"].tolist() == ["wide", "tall"] * 2
    assert table["status"].tolist() == ["stored", "stored", "failed", "failed"]
    assert table["uri"][0].startswith(f"{bucket.uri('prompts')}/tram-wide-")
    assert table["error"][2:].str.contains("content_policy_violation").all()
    assert len(simulator.ledger.paid) == 2


def test_a_parquet_file_in_s3_with_more_rows_buys_only_those(
    simulator: Simulator,
    account: dict[str, Any],
    bucket: VideoBucket,
    example: Callable[[str], ModuleType],
) -> None:
    flow = example("from_a_table").from_a_table
    prompts = pd.DataFrame({"name": ["a", "b"], "prompt": ["A tram", "A market"]})
    for rows in (1, 2):
        file = io.BytesIO()
        prompts[:rows].to_parquet(file)
        bucket.write("in/prompts.parquet", file.getvalue(), "application/octet-stream")
        result = flow(bucket.uri("in/prompts.parquet"), **account)
        assert result == bucket.uri("in/prompts-videos.parquet")
        table = pd.read_parquet(io.BytesIO(bucket.read("in/prompts-videos.parquet") or b""))
        assert table["status"].tolist() == ["stored"] * 2 * rows
        assert len(simulator.ledger.paid) == 2 * rows
