"""What a manifest says that its videos cost, and what its run spent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis import Manifest, Price
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.planning.pricing import Unpriced
from prefect_toapis.reports.credits import spent_by_run, with_credits
from prefect_toapis.reports.manifest import ManifestRow

CATALOGUE = Catalogue.shipped()
PRICES = [
    Price(model="sora-2", credits=40),
    Price(model="sora-2", credits=70, when={"input": "video"}),
    Price(model="sora-2-pro", credits=10, per="second"),
]


def row(shot: str = "a", **fields: Any) -> ManifestRow:
    usual: dict[str, Any] = {"status": "stored", "model": "sora-2", "money": "spent"}
    return ManifestRow(
        batch="b", shot_id=shot, scene=shot, variant="v", prompt="A dog", **usual | fields
    )


def credits_of(*rows: ManifestRow) -> list[float | None]:
    manifest = Manifest(batch="b", uri="s3://studio/b", rows=[*rows])
    return [row.credits for row in with_credits(manifest, PRICES, CATALOGUE).rows]


@pytest.mark.parametrize(
    ("fields", "costs"),
    [
        ({}, 40),
        ({"status": "open"}, 40),
        ({"status": "failed"}, 40),  # paid, and expired
        ({"status": "failed", "money": "not spent"}, None),
        ({"status": "open", "money": "maybe spent"}, None),
        ({"status": "planned", "money": "not spent"}, None),
        ({"money": None}, None),
        ({"model": "sora-2-vip"}, None),
        ({"model": "sora-2-pro", "request": {"duration": 15}}, 150),
        ({"model": "sora-2-pro"}, None),
        ({"request": {"remix_of": "video_1"}}, 70),
        ({"request": {"model": "sora-2-pro", "prompt": 3}}, 40),
    ],
)
def test_a_row_costs_what_its_request_does_if_it_was_bought(
    fields: dict[str, Any], costs: float | None
) -> None:
    assert credits_of(row(**fields)) == [costs]


@given(st.integers(1, 4), st.integers(1, 4))
def test_the_outputs_of_a_generation_share_its_price(n: int, arrived: int) -> None:
    rows = [row(output=number + 1, request={"n": n}) for number in range(arrived)]
    *shares, other = credits_of(*rows, row("other"))
    assert sum(share or 0 for share in shares) == pytest.approx(40 * n)
    assert len(set(shares)) == 1
    assert other == 40


def test_credits_come_back_from_json_lines_and_parquet() -> None:
    manifest = Manifest(batch="b", uri="s3://studio/b", rows=[row(), row("x", model="y")])
    priced = with_credits(manifest, PRICES, CATALOGUE)
    uri = priced.uri
    for found in (
        Manifest.from_jsonl(priced.to_jsonl(), uri=uri),
        Manifest.from_parquet(priced.to_parquet(), uri=uri),
    ):
        assert [row.credits for row in found.rows] == [40, None]
    assert priced.to_pandas()["credits"].sum() == 40


@pytest.mark.parametrize("wrong", ["-1", "Infinity", "NaN", '"forty"'])
def test_credits_that_can_not_be_meant_are_refused(wrong: str) -> None:
    line = row().model_dump_json(exclude_none=True)[:-1] + f', "credits": {wrong}}}'
    with pytest.raises(ValueError, match="credits"):
        Manifest.from_jsonl(line, uri="s3://studio/b")


@pytest.mark.parametrize(
    ("bought", "characters", "words"),
    [
        ([], [], ""),
        ([40, 40], [], "spent about 80 credits ($0.40)"),
        ([20, 20], [10.0], "spent about 50 credits ($0.25)"),
        ([40, None], [], "spent at least 40 credits ($0.20)"),
        ([40], [Unpriced("x")], "spent at least 40 credits ($0.20)"),
        ([None], [], "spent an unknown number of credits"),
        ([0], [], "spent about 0 credits"),
    ],
)
def test_what_a_run_spent_is_said_as_far_as_it_is_known(
    bought: list[float | None], characters: list[float | Unpriced], words: str
) -> None:
    assert spent_by_run([row(credits=each) for each in bought], characters) == words
