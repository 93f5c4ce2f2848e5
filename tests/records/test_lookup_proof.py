"""A "no such task" is believed only where the look-up finds another submission."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from tests.provider_clock import ProviderClock
from tests.records.conftest import PAST_WINDOW, SENT

from prefect_toapis.client.replies import Reply
from prefect_toapis.client.requests import Request, VideoRequest
from prefect_toapis.client.response_decisions import Accepted
from prefect_toapis.errors import SubmissionAbsent, SubmissionUnresolved
from prefect_toapis.planning.plan import Shot, single_shot
from prefect_toapis.records.attempts import Attempt
from prefect_toapis.records.layout import attempt_key, record_folder
from prefect_toapis.records.lookup_proof import NEAR, can_prove, candidate_keys, lookup_works
from prefect_toapis.records.store import Entry
from prefect_toapis.simulator import Drop, Hide, Replace

if TYPE_CHECKING:
    from tests.records.conftest import Purchase

SECOND = timedelta(seconds=1)


def shot(prompt: str) -> Shot:
    return single_shot(VideoRequest(prompt=prompt), "s3://videos")


def attempt_of(of: Shot, **known: Any) -> Attempt:
    usual = {
        "shot_id": of.shot_id,
        "attempt": 1,
        "business_id": of.business_id(1),
        "state": "accepted",
        "task_id": "video_1",
        "account": "mine",
        "sent_at": SENT,
    }
    return Attempt.model_validate(usual | known)


LOST = attempt_of(shot("lost"), state="sending", task_id=None)


@pytest.mark.parametrize(
    ("known", "proves"),
    [
        ({}, True),
        ({"state": "failed"}, True),  # it was accepted, and is a task of the provider's
        ({"state": "expired"}, True),
        ({"sent_at": SENT + timedelta(days=3)}, True),
        ({"sent_at": SENT - NEAR}, True),
        ({"sent_at": SENT - NEAR - SECOND}, False),
        ({"state": "sending", "task_id": None}, False),
        ({"state": "rejected", "task_id": None}, False),
        ({"account": "another's"}, False),
        ({"account": None}, False),
        ({"remix_of": "video_0"}, False),
        ({"shot_id": LOST.shot_id}, False),
    ],
)
def test_what_can_prove_that_a_look_up_works(known: dict[str, Any], proves: bool) -> None:
    assert can_prove(attempt_of(shot("other"), **known), LOST) is proves


def test_a_lost_one_of_an_unknown_account_can_not_be_proven() -> None:
    other = attempt_of(shot("other"), account=None)
    assert not can_prove(other, LOST.model_copy(update={"account": None}))


def test_candidates_are_those_nearest_in_time_and_never_the_lost_one() -> None:
    def key(name: str) -> str:
        return attempt_key(record_folder("b", shot(name).shot_id), 1)

    entries: Mapping[str, Entry] = {
        key("lost"): Entry(1, SENT),
        key("far"): Entry(1, SENT + timedelta(hours=5)),
        key("near"): Entry(1, SENT + SECOND),
        key("earlier"): Entry(1, SENT - NEAR - SECOND),
        "b/plan.json": Entry(1, SENT),
    }
    assert candidate_keys(entries, LOST) == [key("near"), key("far")]


def test_candidates_that_are_stored_come_before_others_without_an_answer() -> None:
    lost = [shot(f"lost {number}") for number in range(200)]
    entries = {
        attempt_key(record_folder("b", one.shot_id), 1): Entry(1, SENT + SECOND) for one in lost
    }
    stored = shot("stored")
    proof = attempt_key(record_folder("b", stored.shot_id), 1)
    entries[proof] = Entry(1, SENT + timedelta(hours=5))
    assert proof not in candidate_keys(entries, LOST)
    entries[f"{stored.folder}/shot.json"] = Entry(1, SENT + timedelta(hours=6))
    assert candidate_keys(entries, LOST)[0] == proof


async def test_a_run_that_was_killed_with_many_under_way_goes_on(purchase: "Purchase") -> None:
    for number in range(40):
        purchase.asking(f"lost {number}").leave("sending", account=purchase.api.fingerprint)
    await purchase.asking("another").buyer().buy(purchase.shot)
    purchase.store.modified[purchase.key()] = SENT + timedelta(minutes=5)
    lost = purchase.asking("lost 3")
    assert (await lost.later_buyer().buy(lost.shot)).sends == 2


async def test_an_absent_one_goes_out_again_once_another_is_found(purchase: "Purchase") -> None:
    await purchase.buyer().buy(shot("another"))
    purchase.simulator.faults.add(Drop(operation="submit", when="before"))
    bought = await purchase.buyer(PAST_WINDOW).buy(purchase.shot)
    assert (bought.sends, bought.state) == (2, "accepted")
    assert sorted(map(str, purchase.paid)) == sorted(
        [purchase.business_id, shot("another").business_id(1)]
    )


async def test_without_anything_to_prove_it_with_it_stops(purchase: "Purchase") -> None:
    purchase.simulator.faults.add(Drop(operation="submit", when="before"))
    with pytest.raises(SubmissionAbsent, match="no other accepted submission") as raised:
        await purchase.buyer(PAST_WINDOW * 20).buy(purchase.shot)
    assert 'settings.purchases.on_absent="resend"' in str(raised.value)
    assert raised.value.money == "maybe spent"
    assert purchase.paid == []


async def test_an_answer_that_leaves_it_open_is_quoted(purchase: "Purchase") -> None:
    body = '{"code": "quota", "message": "Nothing left"}'
    purchase.simulator.faults.add(Replace(operation="submit", status=200, body=body))
    with pytest.raises(SubmissionAbsent, match="Nothing left") as raised:
        await purchase.buyer(PAST_WINDOW * 20).buy(purchase.shot)
    assert "without an answer" not in str(raised.value)
    assert raised.value.reply == body


async def test_a_look_up_that_finds_nothing_at_all_is_not_believed(purchase: "Purchase") -> None:
    await purchase.buyer().buy(shot("another"))
    purchase.simulator.faults.add(
        Drop(operation="submit", when="after"),  # it is paid
        Replace(operation="status", status=404, body='{"error": {"code": "x"}}', times=None),
    )
    with pytest.raises(SubmissionAbsent, match="look-ups also fail to find another"):
        await purchase.buyer(PAST_WINDOW).buy(purchase.shot)
    assert purchase.paid.count(purchase.business_id) == 1


async def test_a_look_up_that_fails_for_the_other_leaves_it_unresolved(
    purchase: "Purchase",
) -> None:
    other = shot("another")
    await purchase.buyer().buy(other)
    purchase.simulator.faults.add(
        Drop(operation="submit", when="before"),
        Replace(operation="status", business_id=other.business_id(1), status=500, times=None),
    )
    with pytest.raises(SubmissionUnresolved, match="look-ups failed"):
        await purchase.buyer(PAST_WINDOW).buy(purchase.shot)
    assert purchase.sent == 2


@pytest.mark.parametrize(
    ("found", "works"),
    [
        (Reply("video_1", "queued"), True),
        (Reply("1", "queued", other_ids=("video_1",)), True),
        (Reply("video_2", "queued"), False),
        (None, False),
    ],
)
async def test_the_other_may_be_found_by_any_of_its_ids(
    purchase: "Purchase", found: Reply | None, works: bool
) -> None:
    other = attempt_of(shot("another"))
    key = attempt_key(record_folder("b", other.shot_id), 1)
    await purchase.store.write(key, other.model_dump_json().encode(), "application/json")

    async def find(business_id: str) -> Reply | None:
        return found

    assert await lookup_works(LOST, "b", purchase.store, find) is works


async def test_another_account_proves_nothing(purchase: "Purchase") -> None:
    await purchase.buyer().buy(shot("another"))
    purchase.leave("sending", account="somebody else's")
    with pytest.raises(SubmissionAbsent):
        await purchase.later_buyer(lookup_window_seconds=0.2).buy(purchase.shot)
    assert purchase.sent == 1


async def test_it_is_looked_up_once_more_right_before_it_goes_out_again(
    purchase: "Purchase", clock: ProviderClock
) -> None:
    other = shot("another")
    await purchase.buyer().buy(other)
    faults = Hide(seconds=3600), Drop(operation="submit", when="after")
    purchase.simulator.faults.add(*faults)
    api = purchase.api

    class Late:
        """An account whose lost task shows up once another one was looked up."""

        fingerprint = api.fingerprint

        async def ready(self) -> None:
            await api.ready()

        async def submit(
            self,
            request: Request,
            business_id: str | None = None,
            *,
            uploads: Mapping[str, str] = MappingProxyType({}),
        ) -> Accepted:
            return await api.submit(request, business_id, uploads=uploads)

        async def find(self, business_id: str) -> Reply | None:
            if business_id == other.business_id(1):
                clock.skip(3601)
            return await api.find(business_id)

    bought = await purchase.buyer(PAST_WINDOW, api=Late()).buy(purchase.shot)
    assert bought.sends == 1
    assert purchase.paid.count(purchase.business_id) == 1


async def test_it_does_not_go_out_more_often_than_three_times(purchase: "Purchase") -> None:
    await purchase.buyer().buy(shot("another"))
    lost = Drop(operation="submit", when="before", prompt="A dog", times=None)
    purchase.simulator.faults.add(lost)
    with pytest.raises(SubmissionAbsent, match="sent 3 times"):
        await purchase.buyer(SECOND, lookup_window_seconds=0.5).buy(purchase.shot)
    assert purchase.sent == 4


async def test_a_record_from_the_future_is_settled_all_the_same(purchase: "Purchase") -> None:
    purchase.leave("sending", sent_at="2099-01-01T00:00:00Z")
    with pytest.raises(SubmissionAbsent):
        await purchase.later_buyer(lookup_window_seconds=0.2, on_absent="stop").buy(purchase.shot)
