"""Buying a shot once, whatever happens in between: against the provider over HTTP."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any, Literal

import pytest
from pydantic import SecretStr, ValidationError

from prefect_toapis.batches.errors import (
    StoreUnavailable,
    SubmissionAbsent,
    SubmissionUnresolved,
)
from prefect_toapis.batches.plan import Shot, single_shot
from prefect_toapis.batches.record import Attempt, attempt_key
from prefect_toapis.batches.spec import RunSettings
from prefect_toapis.batches.submission import Buyer, Submissions, is_refusal
from prefect_toapis.client.account import Account, account
from prefect_toapis.client.decisions import Accepted
from prefect_toapis.client.errors import (
    BadRequest,
    GenerationFailed,
    InsufficientBalance,
    InvalidRequest,
    NotSent,
    PolicyRefused,
    RateLimited,
    ToAPIsError,
    Unauthorized,
    Unavailable,
)
from prefect_toapis.client.polling import Pace
from prefect_toapis.client.replies import Reply
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.client.transport import RetryPolicy
from prefect_toapis.simulator import Delay, Drop, Fault, Hide, Hold, Replace, Simulator

SENT = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
SETTLED = timedelta(seconds=121)  # a clock that ticks so has settled at the first look-up
SLOW = timedelta(0)
SOON = 0.6  # seconds to settle, for tests that have to wait for it
Retry = Literal["transient", "all", "none"]
RETRIES: tuple[Retry, ...] = ("transient", "all", "none")


@dataclass
class MemoryStore:
    """A store over a dict.

    Args:
        conditional: False: it ignores the condition of `create`, as some stores do.
        broken: Which operations on which keys it can't do now.
    """

    contents: dict[str, bytes] = field(default_factory=dict)
    types: set[str] = field(default_factory=set)
    conditional: bool = True
    broken: Callable[[str, str], bool] = lambda _operation, _key: False

    async def read(self, key: str) -> bytes | None:
        await self._enter("read", key)
        return self.contents.get(key)

    async def write(self, key: str, content: bytes, content_type: str) -> None:
        await self._enter("write", key)
        self._put(key, content, content_type)

    async def create(self, key: str, content: bytes, content_type: str) -> bool:
        await self._enter("create", key)
        if self.conditional and key in self.contents:
            return False
        self._put(key, content, content_type)
        return True

    async def list_keys(self, prefix: str) -> list[str]:
        await self._enter("list", prefix)
        return [key for key in self.contents if key.startswith(prefix)]

    def _put(self, key: str, content: bytes, content_type: str) -> None:
        self.contents[key] = content
        self.types.add(content_type)

    async def _enter(self, operation: str, key: str) -> None:
        await asyncio.sleep(0)  # others get their turn here, as with a real one
        if self.broken(operation, key):
            raise StoreUnavailable("the store is out of order")


@dataclass
class Scene:
    """One provider, one store and one shot; as many buyers as a test likes."""

    simulator: Simulator
    store: MemoryStore = field(default_factory=MemoryStore)
    shot: Shot = field(
        default_factory=lambda: single_shot(VideoRequest(prompt="A dog"), "s3://videos")
    )

    @property
    def api(self) -> Account:
        retry = RetryPolicy(budget=0.2, first=0.01)
        return account(SecretStr(self.simulator.api_key), self.simulator.url, retry=retry)

    def asking(self, prompt: str) -> "Scene":
        self.shot = single_shot(VideoRequest(prompt=prompt), "s3://videos")
        return self

    def buyer(
        self, tick: timedelta = SLOW, run: str = "run-1", api: Submissions | None = None, **how: Any
    ) -> Buyer:
        """A buyer whose clock goes on by a tick each time it is looked at."""
        ticks = count()
        settings = RunSettings(**how)
        return Buyer(
            api or self.api, self.store, settings, run=run, now=lambda: SENT + next(ticks) * tick
        )

    def later_buyer(self, **how: Any) -> Buyer:
        """A buyer of a day by which everything has settled."""
        return Buyer(self.api, self.store, RunSettings(**how), now=lambda: SENT + SETTLED)

    def waiting_buyer(self, run: str = "run-1", **how: Any) -> Buyer:
        """A buyer with a real clock, and little to wait."""
        return Buyer(self.api, self.store, RunSettings(settle_seconds=SOON, **how), run=run)

    def record(self, attempt: int = 1) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.store.contents[self.key(attempt)])
        return found

    def leave(self, state: str, **known: Any) -> None:
        """A record as another run has left it."""
        left = {
            "shot_id": self.shot.shot_id,
            "attempt": 1,
            "business_id": self.business_id,
            "state": state,
            "sent_at": SENT.isoformat(),
        }
        self.store.contents[self.key()] = json.dumps(left | known).encode()

    def key(self, attempt: int = 1) -> str:
        return attempt_key(self.shot.folder, attempt)

    @property
    def business_id(self) -> str:
        return self.shot.business_id(1)

    @property
    def sent(self) -> int:
        return len(self.simulator.ledger.submissions)

    @property
    def paid(self) -> list[str | None]:
        return [submission.business_id for submission in self.simulator.ledger.paid]


@pytest.fixture
def scene(simulator: Simulator) -> Scene:
    return Scene(simulator)


def refusal(status: int, code: str, **headers: str) -> Fault:
    body = json.dumps({"error": {"code": code, "message": f"It says {code}", "type": code}})
    return Replace(operation="submit", status=status, body=body, headers=headers, times=None)


async def test_the_record_is_written_before_the_submission(scene: Scene) -> None:
    scene.simulator.faults.add(Hold(operation="submit"))
    buying = asyncio.create_task(scene.buyer().buy(scene.shot))
    await asyncio.to_thread(scene.simulator.wait_for, lambda: scene.simulator.faults.held)
    assert scene.record() == {
        "version": 1,
        "shot_id": scene.shot.shot_id,
        "attempt": 1,
        "business_id": scene.business_id,
        "state": "sending",
        "sent_at": "2026-11-22T12:00:00Z",
        "sends": 1,
        "run": "run-1",
    }
    scene.simulator.faults.release()
    bought = await buying
    (paid,) = scene.simulator.ledger.paid
    assert bought.task_id == paid.task_id
    assert paid.business_id == scene.business_id
    assert scene.record()["state"] == "accepted"
    assert scene.record()["task_id"] == paid.task_id
    assert scene.store.types == {"application/json"}


async def test_a_second_run_buys_nothing_and_asks_nothing(scene: Scene) -> None:
    first = await scene.buyer().buy(scene.shot)
    second = await scene.buyer(run="run-2").buy(scene.shot)
    assert second == first
    assert scene.sent == 1
    assert not scene.simulator.ledger.queries


async def test_nothing_is_recorded_while_a_shot_waits_for_its_turn(scene: Scene) -> None:
    turn = asyncio.Event()

    class Queue:
        """An account with others before this shot."""

        async def ready(self) -> None:
            await turn.wait()

        async def submit(self, request: VideoRequest, business_id: str | None = None) -> Accepted:
            return await scene.api.submit(request, business_id)

        async def find(self, business_id: str) -> Reply | None:
            return await scene.api.find(business_id)

    buying = asyncio.create_task(scene.buyer(api=Queue()).buy(scene.shot))
    await asyncio.sleep(0.05)
    assert scene.store.contents == {}
    turn.set()
    await buying
    assert scene.record()["state"] == "accepted"


async def test_a_request_that_breaks_a_rule_leaves_no_record(scene: Scene) -> None:
    scene.shot = single_shot(VideoRequest(prompt="A dog", duration=12), "s3://videos")
    with pytest.raises(InvalidRequest, match="choose 10 or 15 seconds") as raised:
        await scene.buyer().buy(scene.shot)
    assert raised.value.money == "not spent"
    assert scene.store.contents == {}
    assert scene.sent == 0


# An answer that got lost.


async def test_an_accepted_submission_without_a_reply_is_found(scene: Scene) -> None:
    scene.simulator.faults.add(Drop(operation="submit", when="after"))
    bought = await scene.buyer().buy(scene.shot)
    (paid,) = scene.simulator.ledger.paid
    assert bought.task_id == paid.task_id
    assert scene.record()["state"] == "accepted"
    assert scene.sent == 1


async def test_a_submission_that_never_arrived_stops_with_its_name(scene: Scene) -> None:
    scene.simulator.faults.add(Drop(operation="submit", when="before"))
    with pytest.raises(SubmissionAbsent) as raised:
        await scene.buyer(SETTLED).buy(scene.shot)
    error = raised.value
    assert (error.shot, error.business_id) == (scene.shot.label, scene.business_id)
    assert scene.shot.label in str(error)
    assert scene.business_id in str(error)
    assert error.money == "maybe spent"
    assert scene.record()["state"] == "sending"
    with pytest.raises(SubmissionAbsent):
        await scene.later_buyer().buy(scene.shot)
    assert scene.sent == 1


async def test_it_is_sent_once_more_under_the_same_name_when_told(scene: Scene) -> None:
    scene.simulator.faults.add(Drop(operation="submit", when="before"))
    bought = await scene.buyer(SETTLED, on_absent="resend").buy(scene.shot)
    assert scene.paid == [scene.business_id]
    assert scene.sent == 2
    assert (bought.attempt, bought.sends, bought.state) == (1, 2, "accepted")
    assert bought.sent_at > SENT
    assert await scene.buyer(SETTLED, on_absent="resend").buy(scene.shot) == bought
    assert scene.sent == 2


async def test_it_is_sent_as_often_as_it_gets_lost_and_looked_up_each_time(scene: Scene) -> None:
    scene.simulator.faults.add(Drop(operation="submit", when="before", times=2))
    bought = await scene.buyer(SETTLED, on_absent="resend").buy(scene.shot)
    assert bought.sends == 3
    assert scene.simulator.ledger.queries[scene.business_id] == 2
    assert scene.paid == [scene.business_id]


async def test_a_look_up_without_an_answer_sends_nothing(scene: Scene) -> None:
    scene.simulator.faults.add(
        Drop(operation="submit", when="after"),
        Replace(operation="status", status=500, body="", times=None),
    )
    for on_absent in ("stop", "resend"):
        with pytest.raises(SubmissionUnresolved) as raised:
            await scene.buyer(SETTLED, on_absent=on_absent).buy(scene.shot)
        assert raised.value.shot == scene.shot.label
        assert raised.value.business_id == scene.business_id
        assert raised.value.money == "maybe spent"
    scene.simulator.faults.clear()
    bought = await scene.buyer(SETTLED).buy(scene.shot)
    assert [bought.task_id] == [paid.task_id for paid in scene.simulator.ledger.paid]
    assert scene.sent == 1


async def test_a_refused_look_up_is_no_clear_answer_either(scene: Scene) -> None:
    scene.leave("sending")
    body = json.dumps({"error": {"code": "unauthorized", "message": "No such key"}})
    scene.simulator.faults.add(Replace(operation="status", status=401, body=body))
    with pytest.raises(SubmissionUnresolved, match="No such key"):
        await scene.buyer(SETTLED, on_absent="resend").buy(scene.shot)
    assert scene.sent == 0


async def test_what_a_crash_left_is_looked_up_and_not_sent(scene: Scene) -> None:
    accepted = await scene.api.submit(scene.shot.request, scene.business_id)
    scene.leave("sending", run="crashed")
    bought = await scene.buyer(run="run-2").buy(scene.shot)
    assert bought.task_id == accepted.task_id
    assert scene.record()["run"] == "crashed"  # it was that run that bought it
    assert scene.sent == 1


async def test_what_a_crash_left_and_nobody_knows_is_not_sent(scene: Scene) -> None:
    scene.leave("sending")
    with pytest.raises(SubmissionAbsent):
        await scene.later_buyer().buy(scene.shot)
    assert scene.sent == 0


async def test_a_cancelled_submission_is_found_by_the_next_run(scene: Scene) -> None:
    scene.simulator.faults.add(Hold(operation="submit"))
    buying = asyncio.create_task(scene.buyer().buy(scene.shot))
    await asyncio.to_thread(scene.simulator.wait_for, lambda: scene.simulator.faults.held)
    buying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await buying
    assert scene.record()["state"] == "sending"
    bought = await scene.buyer().buy(scene.shot)
    assert [bought.task_id] == [paid.task_id for paid in scene.simulator.ledger.paid]
    assert scene.sent == 1


async def test_a_generation_that_shows_late_is_waited_for(scene: Scene) -> None:
    scene.simulator.faults.add(Hide(seconds=SOON / 3), Drop(operation="submit", when="after"))
    bought = await scene.waiting_buyer(on_absent="resend").buy(scene.shot)
    assert [bought.task_id] == [paid.task_id for paid in scene.simulator.ledger.paid]
    assert scene.simulator.ledger.queries[scene.business_id] > 1
    assert scene.sent == 1


@pytest.mark.parametrize(("tick", "look_ups"), [(SOON, 1), (SOON * 0.99, 2), (SOON * 0.3, 4)])
async def test_it_counts_as_absent_only_once_it_has_settled(
    scene: Scene, tick: float, look_ups: int
) -> None:
    scene.simulator.faults.add(Drop(operation="submit", when="before"))
    with pytest.raises(SubmissionAbsent):
        await scene.buyer(timedelta(seconds=tick), settle_seconds=SOON).buy(scene.shot)
    assert scene.simulator.ledger.queries[scene.business_id] == look_ups


# Several at once.


async def test_two_runs_at_once_pay_once(scene: Scene) -> None:
    scene.simulator.faults.add(Delay(operation="submit", seconds=0.1))
    one, other = await asyncio.gather(
        scene.waiting_buyer("run-1").buy(scene.shot), scene.waiting_buyer("run-2").buy(scene.shot)
    )
    assert one == other
    assert scene.paid == [scene.business_id]


async def test_a_run_learns_of_the_rejection_that_another_got(scene: Scene) -> None:
    scene.asking("Please refuse me")
    scene.simulator.faults.add(Delay(operation="submit", seconds=0.1))
    one, other = await asyncio.gather(
        scene.waiting_buyer("run-1").buy(scene.shot),
        scene.waiting_buyer("run-2").buy(scene.shot),
        return_exceptions=True,
    )
    assert {type(one), type(other)} == {PolicyRefused, GenerationFailed}
    assert scene.sent == 1


async def test_two_runs_that_send_once_more_pay_once(scene: Scene) -> None:
    scene.leave("sending", sent_at=(datetime.now(timezone.utc) - SETTLED).isoformat())
    bought = await asyncio.gather(
        *[
            scene.waiting_buyer(run, on_absent="resend").buy(scene.shot)
            for run in ("run-1", "run-2", "run-3")
        ]
    )
    assert scene.paid == [scene.business_id]
    assert len({one.task_id for one in bought}) == 1


async def test_a_run_that_crashed_before_it_sent_once_more_holds_nobody_up(scene: Scene) -> None:
    scene.leave("sending")
    claim = f"{scene.shot.folder}/attempt-1-send-2.json"
    left = scene.record() | {"sends": 2, "sent_at": (SENT + SETTLED).isoformat()}
    scene.store.contents[claim] = json.dumps(left).encode()
    bought = await scene.buyer(SETTLED * 3, settle_seconds=SOON, on_absent="resend").buy(scene.shot)
    assert bought.sends == 3
    assert scene.paid == [scene.business_id]


async def test_it_is_not_sent_once_more_when_another_run_heard_meanwhile(scene: Scene) -> None:
    class Busy:
        """An account on which another run hears of its submission while this one queues."""

        async def ready(self) -> None:
            scene.leave("accepted", task_id="video_1")

        async def submit(self, request: VideoRequest, business_id: str | None = None) -> Accepted:
            return await scene.api.submit(request, business_id)

        async def find(self, business_id: str) -> Reply | None:
            return await scene.api.find(business_id)

    scene.leave("sending")
    buyer = Buyer(Busy(), scene.store, RunSettings(on_absent="resend"))
    assert (await buyer.buy(scene.shot)).task_id == "video_1"
    assert scene.sent == 0


async def test_a_store_that_ignores_conditions_is_safe_for_one_run_at_a_time(scene: Scene) -> None:
    scene.store.conditional = False
    scene.simulator.faults.add(Drop(operation="submit", when="after"))
    first = await scene.buyer().buy(scene.shot)
    assert await scene.buyer(run="run-2").buy(scene.shot) == first
    assert scene.sent == 1


# What is surely not bought.

REJECTED: list[tuple[Fault, type[ToAPIsError], str]] = [
    (refusal(422, "content_policy_violation"), PolicyRefused, "refused"),
    (refusal(400, "invalid_request"), BadRequest, "refused"),
    (refusal(402, "insufficient_quota"), InsufficientBalance, "transient"),
    (refusal(401, "unauthorized"), Unauthorized, "transient"),
    (refusal(429, "rate_limit_exceeded"), RateLimited, "transient"),
    (refusal(429, "rate_limit_exceeded", **{"retry-after": "60"}), RateLimited, "transient"),
    (refusal(503, "rate_limit_unavailable"), Unavailable, "transient"),
]


@pytest.mark.parametrize("retry", RETRIES)
@pytest.mark.parametrize(("fault", "kind", "recorded"), REJECTED)
async def test_a_rejection_is_recorded_and_tried_again_as_the_settings_say(
    scene: Scene, fault: Fault, kind: type[ToAPIsError], recorded: str, retry: Retry
) -> None:
    scene.simulator.faults.add(fault)
    with pytest.raises(kind) as raised:
        await scene.buyer(retry_failed=retry).buy(scene.shot)
    assert raised.value.shot == scene.shot.label
    assert raised.value.money == "not spent"
    assert scene.record()["state"] == "rejected"
    assert scene.record()["failure_kind"] == recorded
    assert scene.record()["failure"] == raised.value.what
    scene.simulator.faults.clear()
    if retry == "all" or (retry, recorded) == ("transient", "transient"):
        bought = await scene.buyer(retry_failed=retry).buy(scene.shot)
        assert bought.attempt == 2
        assert scene.paid == [scene.shot.business_id(2)]
        assert scene.record(1)["state"] == "rejected"
    else:
        with pytest.raises(GenerationFailed, match=r"attempt 1 was rejected: .*It says"):
            await scene.buyer(retry_failed=retry).buy(scene.shot)
        assert scene.paid == []
        assert list(scene.store.contents) == [scene.key(1)]


async def test_without_a_connection_nothing_is_sent(scene: Scene) -> None:
    api = account(SecretStr("key"), "http://127.0.0.1:1", retry=RetryPolicy(0.05, 0.01))
    with pytest.raises(NotSent):
        await scene.buyer(api=api).buy(scene.shot)
    assert scene.record()["failure_kind"] == "transient"
    assert (await scene.buyer().buy(scene.shot)).attempt == 2


@pytest.mark.parametrize("retry", RETRIES)
async def test_a_failed_generation_is_recorded_and_tried_again_as_the_settings_say(
    scene: Scene, retry: Retry
) -> None:
    scene.asking("Please fail me")
    buyer = scene.buyer(retry_failed=retry)
    first = await buyer.buy(scene.shot)
    with pytest.raises(GenerationFailed) as raised:
        await scene.api.wait(first.task_id or "", Pace(0.02, 0.05, 20, 20))
    await buyer.fail(scene.shot, GenerationFailed("a worker was lost"))
    assert scene.record() | {"state": "failed", "failure_kind": "transient"} == scene.record()
    await buyer.fail(scene.shot, raised.value)  # only what was accepted can fail
    assert scene.record()["failure"] == "a worker was lost"
    if retry == "none":
        with pytest.raises(GenerationFailed, match="attempt 1 was failed: a worker was lost"):
            await buyer.buy(scene.shot)
        assert scene.paid == [scene.business_id]
    else:
        assert (await buyer.buy(scene.shot)).attempt == 2
        assert scene.paid == [scene.business_id, scene.shot.business_id(2)]
        assert await buyer.latest(scene.shot) == await buyer.buy(scene.shot)


async def test_a_generation_refused_by_policy_is_tried_again_only_when_told(scene: Scene) -> None:
    buyer = scene.buyer()
    await buyer.buy(scene.shot)
    await buyer.fail(scene.shot, GenerationFailed("Content violates the content policy"))
    assert scene.record()["failure_kind"] == "refused"
    with pytest.raises(GenerationFailed, match='retry_failed="all"'):
        await buyer.buy(scene.shot)
    assert (await scene.buyer(retry_failed="all").buy(scene.shot)).attempt == 2


async def test_a_shot_that_was_never_sent_cannot_have_failed(scene: Scene) -> None:
    await scene.buyer().fail(scene.shot, GenerationFailed("lost"))
    assert scene.store.contents == {}
    assert await scene.buyer().latest(scene.shot) is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (PolicyRefused("no", http_status=422), True),
        (BadRequest("no", http_status=400), True),
        (BadRequest("too large", http_status=413), False),
        (Unauthorized("no", http_status=401), False),
        (InsufficientBalance("no", http_status=402), False),
        (RateLimited("no", http_status=429), False),
        (NotSent("no"), False),
        (GenerationFailed("the generation failed: Content violates the Content Policy"), True),
        (GenerationFailed("blocked", code="moderation_blocked"), True),
        (GenerationFailed("a worker was lost", code="generation_failed"), False),
    ],
)
def test_what_would_be_refused_again(error: ToAPIsError, expected: bool) -> None:
    assert is_refusal(error) is expected


# A store that is out of order.


@pytest.mark.parametrize("operation", ["read", "create"])
async def test_nothing_is_sent_without_a_record(scene: Scene, operation: str) -> None:
    scene.store.broken = lambda what, _: what == operation
    with pytest.raises(StoreUnavailable) as raised:
        await scene.buyer().buy(scene.shot)
    assert raised.value.money == "not spent"
    assert scene.sent == 0
    scene.store.broken = lambda *_: False
    assert (await scene.buyer().buy(scene.shot)).state == "accepted"


async def test_what_was_bought_and_could_not_be_recorded_is_found_again(scene: Scene) -> None:
    scene.store.broken = lambda what, _: what == "write"
    with pytest.raises(StoreUnavailable) as raised:
        await scene.buyer().buy(scene.shot)
    (paid,) = scene.simulator.ledger.paid
    assert raised.value.money == "spent"
    assert raised.value.task_id == paid.task_id
    assert raised.value.business_id == scene.business_id
    scene.store.broken = lambda *_: False
    assert (await scene.buyer().buy(scene.shot)).task_id == paid.task_id
    assert scene.sent == 1


async def test_a_rejection_that_could_not_be_recorded_is_looked_up(scene: Scene) -> None:
    scene.asking("Please refuse me").store.broken = lambda what, _: what == "write"
    with pytest.raises(StoreUnavailable):
        await scene.buyer().buy(scene.shot)
    scene.store.broken = lambda *_: False
    with pytest.raises(SubmissionAbsent):
        await scene.later_buyer().buy(scene.shot)
    assert scene.sent == 1


async def test_a_record_that_gets_lost_during_a_look_up_says_that_money_may_be_spent(
    scene: Scene,
) -> None:
    scene.simulator.faults.add(Drop(operation="submit", when="before"))
    scene.store.broken = lambda what, _: what == "read" and scene.sent > 0
    with pytest.raises(StoreUnavailable) as raised:
        await scene.buyer(settle_seconds=SOON).buy(scene.shot)
    assert raised.value.money == "maybe spent"
    assert raised.value.business_id == scene.business_id


async def test_a_record_that_cannot_be_read_is_not_taken_for_none(scene: Scene) -> None:
    scene.store.contents[scene.key()] = b'{"half": '
    with pytest.raises(ValidationError):
        await scene.buyer().buy(scene.shot)
    assert scene.sent == 0


async def test_a_record_of_a_later_version_is_gone_on_from(scene: Scene) -> None:
    scene.leave("accepted", version=9, task_id="video_1", price={"credits": 20})
    bought = await scene.buyer().buy(scene.shot)
    assert bought == Attempt.model_validate_json(scene.store.contents[scene.key()])
    assert bought.task_id == "video_1"
    assert scene.sent == 0
