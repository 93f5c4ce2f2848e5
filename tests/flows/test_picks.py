"""Picks of a batch, and later runs of it."""

from typing import Any

import pytest

from prefect_toapis import RunSettings, ToAPIsCredentials, Variant, VideoBucket
from prefect_toapis.blocks import BucketStore
from prefect_toapis.errors import StoreError
from prefect_toapis.flows.generate import agenerate_videos
from prefect_toapis.flows.picks import change_picks, show_picks, stored_picks
from prefect_toapis.records.picks import Pick, Picks


async def test_a_later_run_keeps_picks_and_survives_damaged_ones(
    credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    told: dict[str, Any] = {
        "variants": [Variant(model="sora-2-vip", duration=1)],
        "batch": "lisbon",
        "credentials": credentials,
        "bucket": bucket,
        "settings": quick,
    }
    manifest = await agenerate_videos(["a dog"], **told)
    (dog,) = manifest.stored
    assert not dog.picked
    pick = Pick(shot=dog.shot_id, note="calm")
    await change_picks("lisbon", BucketStore(bucket), lambda found: found.adding([pick]))
    shown = await show_picks("lisbon", bucket)
    assert [(row.shot_id, row.pick_note) for row in shown.picked] == [(dog.shot_id, "calm")]

    await agenerate_videos(["a dog", "a cat"], **told)
    kept = bucket.load_manifest("lisbon")
    assert [(row.shot_id, row.pick_note) for row in kept.picked] == [(dog.shot_id, "calm")]
    assert len(kept.stored) == 2

    bucket.write("lisbon/picks.json", b"{", "application/json")
    again = await agenerate_videos(["a dog", "a cat"], **told)
    assert len(again.stored) == 2
    with pytest.raises(StoreError, match="it holds nothing but picks"):
        await show_picks("lisbon", bucket)


class Overwritten(BucketStore):
    """A store in which somebody else writes right after the first writes."""

    def __init__(self, bucket: VideoBucket, times: int) -> None:
        super().__init__(bucket)
        self.times = times

    async def write(self, key: str, content: bytes, content_type: str) -> None:
        await super().write(key, content, content_type)
        if self.times:
            self.times -= 1
            theirs = Picks(batch="b", picks=(Pick(shot="theirs"),))
            await super().write(key, theirs.to_json(), content_type)


async def test_what_somebody_else_overwrote_is_picked_again(bucket: VideoBucket) -> None:
    def change(found: Picks) -> Picks:
        return found.adding([Pick(shot="ours")])

    await change_picks("b", Overwritten(bucket, times=1), change)
    found = await stored_picks("b", BucketStore(bucket))
    assert {each.shot for each in found.picks} == {"ours", "theirs"}
    with pytest.raises(StoreError, match="overwritten by others all the time"):
        await change_picks(
            "b", Overwritten(bucket, times=9), lambda found: found.adding([Pick(shot="more")])
        )
