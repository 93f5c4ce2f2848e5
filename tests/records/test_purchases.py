"""Buying a shot once, whatever happens in between: against the provider over HTTP."""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from prefect_toapis.client.errors import GenerationFailed, InvalidRequest, PolicyRefused
from prefect_toapis.client.replies import Reply
from prefect_toapis.client.requests import Request, VideoRequest
from prefect_toapis.client.response_decisions import Accepted
from prefect_toapis.errors import SubmissionAbsent, SubmissionUnresolved
from prefect_toapis.planning.plan import single_shot
from prefect_toapis.planning.settings import PurchaseSettings, RunSettings
from prefect_toapis.records.purchases import Buyer
from prefect_toapis.simulator import Delay, Drop, Hide, Hold, Replace

if TYPE_CHECKING:
    from tests.records.conftest import Purchase

SENT = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)  # by the clocks of the buyers
PAST_WINDOW = timedelta(seconds=121)  # per tick: the first look-up is past the window
SOON = 0.6  # seconds of the look-up window, for tests that have to wait for it


async def test_the_record_is_written_before_the_submission(purchase: "Purchase") -> None:
    purchase.simulator.faults.add(Hold(operation="submit"))
    buying = asyncio.create_task(purchase.buyer().buy(purchase.shot))
    await asyncio.to_thread(purchase.simulator.wait_for, lambda: purchase.simulator.faults.held)
    assert purchase.record() == {
        "version": 1,
        "shot_id": purchase.shot.shot_id,
        "attempt": 1,
        "business_id": purchase.business_id,
        "state": "sending",
        "request": {"model": "sora-2", "prompt": "A dog"},
        "labels": list(purchase.shot.labels),
        "take": 1,
        "folder": purchase.shot.folder,
        "account": purchase.api.fingerprint,
        "sent_at": "2026-11-22T12:00:00Z",
        "sends": 1,
        "run": "run-1",
    }
    purchase.simulator.faults.release()
    bought = await buying
    (paid,) = purchase.simulator.ledger.paid
    assert bought.task_id == paid.task_id
    assert paid.business_id == purchase.business_id
    assert purchase.record()["state"] == "accepted"
    assert purchase.record()["task_id"] == paid.task_id
    assert purchase.store.types == {"application/json"}


async def test_a_second_run_buys_nothing_and_asks_nothing(purchase: "Purchase") -> None:
    first = await purchase.buyer().buy(purchase.shot)
    second = await purchase.buyer(run="run-2").buy(purchase.shot)
    assert second == first
    assert purchase.sent == 1
    assert not purchase.simulator.ledger.queries


async def test_nothing_is_recorded_while_a_shot_waits_for_its_turn(purchase: "Purchase") -> None:
    turn = asyncio.Event()

    class Queue:
        """An account with others before this shot."""

        fingerprint = "f"

        async def ready(self) -> None:
            await turn.wait()

        async def submit(
            self,
            request: Request,
            business_id: str | None = None,
            *,
            uploads: Mapping[str, str] = MappingProxyType({}),
        ) -> Accepted:
            return await purchase.api.submit(request, business_id, uploads=uploads)

        async def find(self, business_id: str) -> Reply | None:
            return await purchase.api.find(business_id)

    buying = asyncio.create_task(purchase.buyer(api=Queue()).buy(purchase.shot))
    await asyncio.sleep(0.05)
    assert purchase.store.contents == {}
    turn.set()
    await buying
    assert purchase.record()["state"] == "accepted"


async def test_a_request_that_breaks_a_rule_leaves_no_record(purchase: "Purchase") -> None:
    purchase.shot = single_shot(VideoRequest(prompt="A dog", duration=12), "s3://videos")
    with pytest.raises(InvalidRequest, match="choose 10 or 15 seconds") as raised:
        await purchase.buyer().buy(purchase.shot)
    assert raised.value.money == "not spent"
    assert purchase.store.contents == {}
    assert purchase.sent == 0


# An answer that got lost.


async def test_an_accepted_submission_without_a_reply_is_found(purchase: "Purchase") -> None:
    purchase.simulator.faults.add(Drop(operation="submit", when="after"))
    bought = await purchase.buyer().buy(purchase.shot)
    (paid,) = purchase.simulator.ledger.paid
    assert bought.task_id == paid.task_id
    assert purchase.record()["state"] == "accepted"
    assert purchase.sent == 1


async def test_a_submission_that_never_arrived_stops_with_its_name(purchase: "Purchase") -> None:
    purchase.simulator.faults.add(Drop(operation="submit", when="before"))
    with pytest.raises(SubmissionAbsent) as raised:
        await purchase.buyer(PAST_WINDOW).buy(purchase.shot)
    error = raised.value
    assert (error.shot, error.business_id) == (purchase.shot.label, purchase.business_id)
    assert purchase.shot.label in str(error)
    assert purchase.business_id in str(error)
    assert error.money == "maybe spent"
    assert purchase.record()["state"] == "sending"
    with pytest.raises(SubmissionAbsent):
        await purchase.later_buyer().buy(purchase.shot)
    assert purchase.sent == 1


async def test_it_is_sent_once_more_under_the_same_name_when_told(purchase: "Purchase") -> None:
    purchase.simulator.faults.add(Drop(operation="submit", when="before"))
    bought = await purchase.buyer(PAST_WINDOW, on_absent="resend").buy(purchase.shot)
    assert purchase.paid == [purchase.business_id]
    assert purchase.sent == 2
    assert (bought.attempt, bought.sends, bought.state) == (1, 2, "accepted")
    assert bought.sent_at > SENT
    assert await purchase.buyer(PAST_WINDOW, on_absent="resend").buy(purchase.shot) == bought
    assert purchase.sent == 2


async def test_it_is_sent_as_often_as_it_gets_lost_and_looked_up_each_time(
    purchase: "Purchase",
) -> None:
    purchase.simulator.faults.add(Drop(operation="submit", when="before", times=2))
    bought = await purchase.buyer(PAST_WINDOW, on_absent="resend").buy(purchase.shot)
    assert bought.sends == 3
    assert purchase.simulator.ledger.queries[purchase.business_id] == 4  # twice each
    assert purchase.paid == [purchase.business_id]


async def test_a_look_up_without_an_answer_sends_nothing(purchase: "Purchase") -> None:
    purchase.simulator.faults.add(
        Drop(operation="submit", when="after"),
        Replace(operation="status", status=500, body="", times=None),
    )
    for on_absent in ("stop", "resend"):
        with pytest.raises(SubmissionUnresolved) as raised:
            await purchase.buyer(PAST_WINDOW, on_absent=on_absent).buy(purchase.shot)
        assert raised.value.shot == purchase.shot.label
        assert raised.value.business_id == purchase.business_id
        assert raised.value.money == "maybe spent"
    purchase.simulator.faults.clear()
    bought = await purchase.buyer(PAST_WINDOW).buy(purchase.shot)
    assert [bought.task_id] == [paid.task_id for paid in purchase.simulator.ledger.paid]
    assert purchase.sent == 1


async def test_a_refused_look_up_is_no_clear_answer_either(purchase: "Purchase") -> None:
    purchase.leave("sending")
    body = json.dumps({"error": {"code": "unauthorized", "message": "No such key"}})
    purchase.simulator.faults.add(Replace(operation="status", status=401, body=body))
    with pytest.raises(SubmissionUnresolved, match="No such key"):
        await purchase.buyer(PAST_WINDOW, on_absent="resend").buy(purchase.shot)
    assert purchase.sent == 0


async def test_what_a_crash_left_is_looked_up_and_not_sent(purchase: "Purchase") -> None:
    accepted = await purchase.api.submit(purchase.shot.request, purchase.business_id)
    purchase.leave("sending", run="crashed")
    bought = await purchase.buyer(run="run-2").buy(purchase.shot)
    assert bought.task_id == accepted.task_id
    assert purchase.record()["run"] == "crashed"  # it was that run that bought it
    assert purchase.sent == 1


async def test_what_a_crash_left_and_nobody_knows_is_not_sent(purchase: "Purchase") -> None:
    purchase.leave("sending")
    with pytest.raises(SubmissionAbsent):
        await purchase.later_buyer().buy(purchase.shot)
    assert purchase.sent == 0


async def test_a_cancelled_submission_is_found_by_the_next_run(purchase: "Purchase") -> None:
    purchase.simulator.faults.add(Hold(operation="submit"))
    buying = asyncio.create_task(purchase.buyer().buy(purchase.shot))
    await asyncio.to_thread(purchase.simulator.wait_for, lambda: purchase.simulator.faults.held)
    buying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await buying
    assert purchase.record()["state"] == "sending"
    bought = await purchase.buyer().buy(purchase.shot)
    assert [bought.task_id] == [paid.task_id for paid in purchase.simulator.ledger.paid]
    assert purchase.sent == 1


async def test_a_generation_that_shows_late_is_waited_for(purchase: "Purchase") -> None:
    purchase.simulator.faults.add(Hide(seconds=0.3), Drop(operation="submit", when="after"))
    bought = await purchase.waiting_buyer(on_absent="resend").buy(purchase.shot)
    assert [bought.task_id] == [paid.task_id for paid in purchase.simulator.ledger.paid]
    assert purchase.simulator.ledger.queries[purchase.business_id] > 1
    assert purchase.sent == 1


@pytest.mark.parametrize(("tick", "look_ups"), [(SOON, 1), (SOON * 0.99, 2), (SOON * 0.3, 4)])
async def test_it_counts_as_absent_only_once_it_has_settled(
    purchase: "Purchase", tick: float, look_ups: int
) -> None:
    purchase.simulator.faults.add(Drop(operation="submit", when="before"))
    with pytest.raises(SubmissionAbsent):
        await purchase.buyer(timedelta(seconds=tick), lookup_window_seconds=SOON).buy(purchase.shot)
    assert purchase.simulator.ledger.queries[purchase.business_id] == look_ups


# Several at once.


async def test_two_runs_at_once_pay_once(purchase: "Purchase") -> None:
    purchase.simulator.faults.add(Delay(operation="submit", seconds=0.1))
    one, other = await asyncio.gather(
        purchase.waiting_buyer("run-1").buy(purchase.shot),
        purchase.waiting_buyer("run-2").buy(purchase.shot),
    )
    assert one == other
    assert purchase.paid == [purchase.business_id]


async def test_a_run_learns_of_the_rejection_that_another_got(purchase: "Purchase") -> None:
    purchase.asking("Please refuse me")
    purchase.simulator.faults.add(Delay(operation="submit", seconds=0.1))
    one, other = await asyncio.gather(
        purchase.waiting_buyer("run-1").buy(purchase.shot),
        purchase.waiting_buyer("run-2").buy(purchase.shot),
        return_exceptions=True,
    )
    assert {type(one), type(other)} == {PolicyRefused, GenerationFailed}
    assert purchase.sent == 1


async def test_two_runs_that_send_once_more_pay_once(purchase: "Purchase") -> None:
    purchase.leave("sending", sent_at=(datetime.now(timezone.utc) - PAST_WINDOW).isoformat())
    bought = await asyncio.gather(
        *[
            purchase.waiting_buyer(run, on_absent="resend").buy(purchase.shot)
            for run in ("run-1", "run-2", "run-3")
        ]
    )
    assert purchase.paid == [purchase.business_id]
    assert len({one.task_id for one in bought}) == 1


async def test_a_run_that_crashed_before_it_sent_once_more_holds_nobody_up(
    purchase: "Purchase",
) -> None:
    purchase.leave("sending")
    claim = purchase.key().replace(".json", "-send-2.json")
    left = purchase.record() | {"sends": 2, "sent_at": (SENT + PAST_WINDOW).isoformat()}
    purchase.store.contents[claim] = json.dumps(left).encode()
    bought = await purchase.buyer(
        PAST_WINDOW * 3, lookup_window_seconds=SOON, on_absent="resend"
    ).buy(purchase.shot)
    assert bought.sends == 3
    assert purchase.paid == [purchase.business_id]


async def test_it_is_not_sent_once_more_when_another_run_heard_meanwhile(
    purchase: "Purchase",
) -> None:
    class Busy:
        """An account on which another run hears of its submission while this one queues."""

        fingerprint = "f"

        async def ready(self) -> None:
            purchase.leave("accepted", task_id="video_1")

        async def submit(
            self,
            request: Request,
            business_id: str | None = None,
            *,
            uploads: Mapping[str, str] = MappingProxyType({}),
        ) -> Accepted:
            return await purchase.api.submit(request, business_id, uploads=uploads)

        async def find(self, business_id: str) -> Reply | None:
            return await purchase.api.find(business_id)

    purchase.leave("sending")
    buyer = Buyer(
        Busy(), purchase.store, RunSettings(purchases=PurchaseSettings(on_absent="resend"))
    )
    assert (await buyer.buy(purchase.shot)).task_id == "video_1"
    assert purchase.sent == 0


async def test_a_store_that_ignores_conditions_is_safe_for_one_run_at_a_time(
    purchase: "Purchase",
) -> None:
    purchase.store.conditional = False
    purchase.simulator.faults.add(Drop(operation="submit", when="after"))
    first = await purchase.buyer().buy(purchase.shot)
    assert await purchase.buyer(run="run-2").buy(purchase.shot) == first
    assert purchase.sent == 1
