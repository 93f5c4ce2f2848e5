"""What a batch teaches the next ones about how long generations take."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from prefect_toapis import RunSettings, ToAPIsCredentials, VideoBucket
from prefect_toapis.records.layout import RENDER_TIMES_FILE
from prefect_toapis.simulator import Simulator
from prefect_toapis.tasks.options import account_of

Make = Callable[..., Awaitable[Any]]
KIND = "sora-2-vip 1"


async def test_how_long_a_batch_took_is_kept_beside_it(make: Make, bucket: VideoBucket) -> None:
    await make(["A dog", "A cat"])
    kept = json.loads(bucket.read(RENDER_TIMES_FILE) or b"")
    assert len(kept[KIND]) >= 2
    assert all(0 < seconds < 300 for seconds in kept[KIND])


async def test_a_batch_begins_with_what_earlier_ones_took(
    make: Make, bucket: VideoBucket, credentials: ToAPIsCredentials, quick: RunSettings
) -> None:
    earlier = json.dumps({KIND: [84.0, 91.5], "sora-2-pro 25": [600.0]}).encode()
    bucket.write(RENDER_TIMES_FILE, earlier, "application/json")
    await make(["A dog"])
    with account_of(credentials, quick) as account:
        known = await account.render_times()
    assert known[KIND][:2] == [84.0, 91.5]
    assert known["sora-2-pro 25"] == [600.0]


@pytest.mark.parametrize("content", [b"{", b'{"sora-2-vip 1": "soon"}'])
async def test_a_damaged_file_stops_nothing_and_is_written_anew(
    make: Make, simulator: Simulator, bucket: VideoBucket, content: bytes
) -> None:
    bucket.write(RENDER_TIMES_FILE, content, "application/json")
    manifest = await make(["A dog"])
    assert len(manifest.stored) == len(simulator.ledger.paid) == 1
    assert json.loads(bucket.read(RENDER_TIMES_FILE) or b"")[KIND]
