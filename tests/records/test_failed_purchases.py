"""What is surely not bought, and what a store that is out of order does to a purchase."""

import json
from typing import TYPE_CHECKING, Literal

import pytest
from pydantic import SecretStr

from prefect_toapis.client.account import account
from prefect_toapis.client.errors import (
    BadRequest,
    GenerationFailed,
    InsufficientBalance,
    NotSent,
    PolicyRefused,
    RateLimited,
    ToAPIsError,
    Unauthorized,
    Unavailable,
)
from prefect_toapis.client.polling import PollPolicy
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.errors import DocumentTooNew, StoreError, StoreUnavailable, SubmissionAbsent
from prefect_toapis.records.purchases import is_refusal
from prefect_toapis.simulator import Drop, Fault, Replace

if TYPE_CHECKING:
    from tests.records.conftest import Purchase

SOON = 0.6  # seconds of the look-up window, for tests that have to wait for it
Retry = Literal["transient", "all", "none"]
RETRIES: tuple[Retry, ...] = ("transient", "all", "none")


def refusal(status: int, code: str, **headers: str) -> Fault:
    body = json.dumps({"error": {"code": code, "message": f"It says {code}", "type": code}})
    return Replace(operation="submit", status=status, body=body, headers=headers, times=None)


REJECTED: list[tuple[Fault, type[ToAPIsError], str]] = [
    (refusal(422, "content_policy_violation"), PolicyRefused, "refused"),
    (refusal(400, "invalid_request"), BadRequest, "refused"),
    (refusal(402, "insufficient_quota"), InsufficientBalance, "transient"),
    (refusal(401, "unauthorized"), Unauthorized, "transient"),
    (refusal(429, "rate_limit_exceeded"), RateLimited, "transient"),
    (refusal(429, "rate_limit_exceeded", **{"retry-after": "3"}), RateLimited, "transient"),
    (refusal(503, "rate_limit_unavailable"), Unavailable, "transient"),
]


@pytest.mark.parametrize("retry", RETRIES)
@pytest.mark.parametrize(("fault", "kind", "recorded"), REJECTED)
async def test_a_rejection_is_recorded_and_tried_again_as_the_settings_say(
    purchase: "Purchase", fault: Fault, kind: type[ToAPIsError], recorded: str, retry: Retry
) -> None:
    purchase.simulator.faults.add(fault)
    with pytest.raises(kind) as raised:
        await purchase.buyer(failed_shots=retry).buy(purchase.shot)
    assert raised.value.shot == purchase.shot.label
    assert raised.value.money == "not spent"
    assert purchase.record()["state"] == "rejected"
    assert purchase.record()["failure_kind"] == recorded
    assert purchase.record()["failure"] == raised.value.message
    purchase.simulator.faults.clear()
    if retry == "all" or recorded == "transient":  # turned away: it never had its chance
        bought = await purchase.buyer(failed_shots=retry).buy(purchase.shot)
        assert bought.attempt == 2
        assert purchase.paid == [purchase.shot.business_id(2)]
        assert purchase.record(1)["state"] == "rejected"
    else:
        with pytest.raises(GenerationFailed, match=r"attempt 1 was rejected: .*It says"):
            await purchase.buyer(failed_shots=retry).buy(purchase.shot)
        assert purchase.paid == []
        assert list(purchase.store.contents) == [purchase.key(1)]


async def test_without_a_connection_nothing_is_sent(purchase: "Purchase") -> None:
    retry = RetryPolicy(0.05, 0.01)
    with (
        account(SecretStr("key"), "http://127.0.0.1:1", retry=retry) as api,
        pytest.raises(NotSent),
    ):
        await purchase.buyer(api=api).buy(purchase.shot)
    assert purchase.record()["failure_kind"] == "transient"
    assert (await purchase.buyer().buy(purchase.shot)).attempt == 2


@pytest.mark.parametrize("retry", RETRIES)
async def test_a_failed_generation_is_recorded_and_tried_again_as_the_settings_say(
    purchase: "Purchase", retry: Retry
) -> None:
    purchase.asking("Please fail me")
    buyer = purchase.buyer(failed_shots=retry)
    first = await buyer.buy(purchase.shot)
    with pytest.raises(GenerationFailed) as raised:
        await purchase.api.wait(first.task_id or "", PollPolicy(0.02, 0.05, 20, 20))
    await buyer.fail(purchase.shot, GenerationFailed("a worker was lost"))
    assert purchase.record() | {"state": "failed", "failure_kind": "transient"} == purchase.record()
    await buyer.fail(purchase.shot, raised.value)  # only what was accepted can fail
    assert purchase.record()["failure"] == "a worker was lost"
    if retry == "none":
        with pytest.raises(GenerationFailed, match="attempt 1 was failed: a worker was lost"):
            await buyer.buy(purchase.shot)
        assert purchase.paid == [purchase.business_id]
    else:
        assert (await buyer.buy(purchase.shot)).attempt == 2
        assert purchase.paid == [purchase.business_id, purchase.shot.business_id(2)]
        assert await buyer.latest(purchase.shot) == await buyer.buy(purchase.shot)


async def test_a_generation_refused_by_policy_is_tried_again_only_when_told(
    purchase: "Purchase",
) -> None:
    buyer = purchase.buyer()
    await buyer.buy(purchase.shot)
    await buyer.fail(purchase.shot, GenerationFailed("Content violates the content policy"))
    assert purchase.record()["failure_kind"] == "refused"
    with pytest.raises(GenerationFailed, match=r'settings\.retries\.failed_shots="all"'):
        await buyer.buy(purchase.shot)
    assert (await purchase.buyer(failed_shots="all").buy(purchase.shot)).attempt == 2


async def test_a_shot_that_was_never_sent_cannot_have_failed(purchase: "Purchase") -> None:
    await purchase.buyer().fail(purchase.shot, GenerationFailed("lost"))
    assert purchase.store.contents == {}
    assert await purchase.buyer().latest(purchase.shot) is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (PolicyRefused("no", http_status=422), True),
        (BadRequest("no", http_status=400), True),
        (BadRequest("too large", http_status=413), True),
        (Unauthorized("no", http_status=401), False),
        (InsufficientBalance("no", http_status=402), False),
        (RateLimited("no", http_status=429), False),
        (NotSent("no"), False),
        (GenerationFailed("the generation failed: Content violates the Content Policy"), True),
        (GenerationFailed("blocked", code="moderation_blocked"), True),
        (GenerationFailed("the generation failed: NSFW content detected"), True),
        (GenerationFailed("the generation failed: 内容违规"), True),
        (GenerationFailed("no", code="OutputVideoSensitiveContentDetected"), True),
        (GenerationFailed("a worker was lost", code="generation_failed"), False),
    ],
)
def test_what_would_be_refused_again(error: ToAPIsError, expected: bool) -> None:
    assert is_refusal(error) is expected


# A store that is out of order.


@pytest.mark.parametrize("operation", ["read", "create"])
async def test_nothing_is_sent_without_a_record(purchase: "Purchase", operation: str) -> None:
    purchase.store.broken = lambda what, _: what == operation
    with pytest.raises(StoreUnavailable) as raised:
        await purchase.buyer().buy(purchase.shot)
    assert raised.value.money == "not spent"
    assert purchase.sent == 0
    purchase.store.broken = lambda *_: False
    assert (await purchase.buyer().buy(purchase.shot)).state == "accepted"


async def test_what_was_bought_and_could_not_be_recorded_is_found_again(
    purchase: "Purchase",
) -> None:
    purchase.store.broken = lambda what, _: what == "write"
    with pytest.raises(StoreUnavailable) as raised:
        await purchase.buyer().buy(purchase.shot)
    (paid,) = purchase.simulator.ledger.paid
    assert raised.value.money == "spent"
    assert raised.value.task_id == paid.task_id
    assert raised.value.business_id == purchase.business_id
    purchase.store.broken = lambda *_: False
    assert (await purchase.buyer().buy(purchase.shot)).task_id == paid.task_id
    assert purchase.sent == 1


async def test_a_rejection_that_could_not_be_recorded_is_looked_up(purchase: "Purchase") -> None:
    purchase.asking("Please refuse me").store.broken = lambda what, _: what == "write"
    with pytest.raises(StoreUnavailable):
        await purchase.buyer().buy(purchase.shot)
    purchase.store.broken = lambda *_: False
    with pytest.raises(SubmissionAbsent):
        await purchase.later_buyer().buy(purchase.shot)
    assert purchase.sent == 1


async def test_a_record_that_gets_lost_during_a_look_up_says_that_money_may_be_spent(
    purchase: "Purchase",
) -> None:
    purchase.simulator.faults.add(Drop(operation="submit", when="before"))
    purchase.store.broken = lambda what, _: what == "read" and purchase.sent > 0
    with pytest.raises(StoreUnavailable) as raised:
        await purchase.buyer(lookup_window_seconds=SOON).buy(purchase.shot)
    assert raised.value.money == "maybe spent"
    assert raised.value.business_id == purchase.business_id


async def test_a_record_that_cannot_be_read_is_not_taken_for_none(purchase: "Purchase") -> None:
    purchase.store.contents[purchase.key()] = b'{"half": '
    with pytest.raises(StoreError, match="is damaged") as raised:
        await purchase.buyer().buy(purchase.shot)
    assert raised.value.money == "maybe spent"
    assert purchase.sent == 0


async def test_a_record_of_a_later_version_is_refused_and_kept(purchase: "Purchase") -> None:
    purchase.leave("accepted", version=9, task_id="video_1", price={"credits": 20})
    before = dict(purchase.store.contents)
    with pytest.raises(DocumentTooNew, match="later version of prefect-toapis") as raised:
        await purchase.buyer().buy(purchase.shot)
    assert raised.value.uri in str(raised.value)
    assert purchase.store.contents == before
    assert purchase.sent == 0
