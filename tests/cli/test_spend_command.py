"""`prefect-toapis spend`."""

import json
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from prefect_toapis import RunSettings, ToAPIsCredentials, Variant, VideoBucket
from prefect_toapis.cli.spend import end_of, start_of
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.flows.generate import agenerate_videos
from prefect_toapis.simulator import Simulator
from prefect_toapis.tasks.submit import asubmit_video

Run = Callable[..., "subprocess.CompletedProcess[str]"]

PRICES = """
- {model: sora-2-vip, credits: 6, per: second}
- {model: sora-2-vip, when: {private: true}, credits: 1000, per: second}
"""


async def test_two_batches_are_added_up_by_day_model_and_batch(
    run: Run,
    tmp_path: Path,
    simulator: Simulator,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
) -> None:
    told: dict[str, Any] = {"credentials": credentials, "bucket": bucket, "settings": quick}
    plain = Variant(model="sora-2-vip", duration=2)
    private = Variant(model="sora-2-vip", duration=1, private=True)
    await agenerate_videos(["a dog", "a cat"], [plain], batch="lisbon", **told)
    await agenerate_videos(
        ["a dog", "fail me"], [private], batch="porto", on_failure="tolerate", **told
    )
    await asubmit_video(VideoRequest(prompt="A cow", model="sora-2"), **told)
    path = tmp_path / "prices.yaml"
    path.write_text(PRICES)
    priced = {"TOAPIS_PRICES": str(path)}

    shown = run("spend", **priced)
    assert shown.returncode == 0, shown.stderr
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert ["lisbon", "2", "24"] in lines
    assert ["porto", "1", "1,000"] in lines
    assert ["requests", "1", "1"] in lines
    assert ["sora-2-vip", "3", "1,024"] in lines
    assert "4 bought for at least 1,024 credits ($5.12); 1 without a price" in shown.stdout
    assert "sora-2: " in shown.stdout

    day = datetime.now(timezone.utc).date()
    found = json.loads(
        run("spend", "--json", "--since", f"{day - timedelta(days=1)}", **priced).stdout
    )
    assert found["since"] == f"{day - timedelta(days=1)}T00:00:00+00:00"
    assert found["until"] is None
    assert found["total"] == {
        "bought": 4,
        "credits": 1024,
        "unpriced": 1,
        "unconfirmed": 0,
        "unreadable": 0,
    }
    of_batch = {row["batch"]: (row["bought"], row["credits"]) for row in found["rows"]}
    assert of_batch == {"lisbon": (2, 24), "porto": (1, 1000), "requests": (1, None)}
    kept = [each for each in simulator.ledger.paid if not each.refunded]
    assert len(kept) == found["total"]["bought"]

    later = run("spend", "--since", f"{day + timedelta(days=2)}")
    assert (later.returncode, later.stdout) == (0, "Nothing was bought in this time.\n")
    unpriced = run("spend", "--until", f"{day + timedelta(days=1)}")
    assert "4 bought; 4 without a price in TOAPIS_PRICES." in unpriced.stdout


def test_what_is_wrong_is_told_in_one_sentence(call: Run) -> None:
    for arguments, environment, said in (
        (["--since", "yesterday"], {}, "'yesterday': give a date such as 2026-11-01"),
        ([], {"TOAPIS_BUCKET": ""}, "TOAPIS_BUCKET"),
        ([], {"TOAPIS_PRICES": "nowhere.yaml"}, "nowhere.yaml: there is no such file"),
    ):
        ended = call("spend", *arguments, **environment)
        assert ended.returncode == 1
        assert said in " ".join(ended.stdout.split())
        assert "Traceback" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        (None, None, None),
        ("2026-11-01", "2026-11-01T00:00:00+00:00", "2026-11-02T00:00:00+00:00"),
        ("2026-11-01T12:30", "2026-11-01T12:30:00+00:00", "2026-11-01T12:30:00+00:00"),
        ("2026-11-01 12:30", "2026-11-01T12:30:00+00:00", "2026-11-01T12:30:00+00:00"),
        ("2026-11-01T12:30Z", "2026-11-01T12:30:00+00:00", "2026-11-01T12:30:00+00:00"),
        ("2026-11-01T12:30+02:00", "2026-11-01T10:30:00+00:00", "2026-11-01T10:30:00+00:00"),
    ],
)
def test_a_day_is_included_and_a_time_is_exact(
    text: str | None, since: str | None, until: str | None
) -> None:
    found = [moment and moment.isoformat() for moment in (start_of(text), end_of(text))]
    assert found == [since, until]


@pytest.mark.parametrize("text", ["", "7d", "2026-13-01", "9999-12-31", "0001-01-01T00:00+14:00"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="give a date"):
        end_of(text)
