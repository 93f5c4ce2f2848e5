"""One account in one process, used from any event loop."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr
from tests.at_once import taken_at_once

from prefect_toapis.client.account import Account, account, in_background
from prefect_toapis.client.allowance import ALLOWANCES, AccountGroup, LimitRequest
from prefect_toapis.client.errors import (
    APIError,
    InsufficientBalance,
    InvalidRequest,
    PolicyRefused,
    SubmissionUnknown,
    Unauthorized,
    Unavailable,
)
from prefect_toapis.client.polling import PollPolicy
from prefect_toapis.client.references import reference
from prefect_toapis.client.replies import Reply
from prefect_toapis.client.requests import CharacterRequest, VideoRequest
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.simulator import Drop, Hold, Replace, Simulator, SimulatorSettings

T = TypeVar("T")
KEY = SecretStr("test-key")
DOG = VideoRequest(prompt="A dog")
FAST = PollPolicy(first=0.02, every=0.05, timeout=20, grace=20)
RETRY = RetryPolicy(budget=5, first=0.01)


@pytest.fixture
def api(simulator: Simulator) -> Iterator[Account]:
    with account(KEY, simulator.url, retry=RETRY) as api:
        yield api


def on_a_loop_of_its_own(work: Coroutine[Any, Any, T], results: list[T]) -> threading.Thread:
    thread = threading.Thread(target=lambda: results.append(asyncio.run(work)))
    thread.start()
    return thread


async def test_a_generation_is_submitted_waited_for_and_found(
    simulator: Simulator, api: Account
) -> None:
    await api.ready()
    accepted = await api.submit(DOG, "mine-1")
    seen: list[Reply] = []
    reply = await api.wait(accepted.task_id, FAST, seen.append)
    assert reply.outputs
    assert seen[-1] == reply
    assert (await api.status(accepted.task_id)).status == "completed"
    found = await api.find("mine-1")
    assert found
    assert found.task_id == accepted.task_id
    assert await api.find("mine-2") is None
    assert len(simulator.ledger.paid) == 1


async def test_an_account_sends_the_urls_of_uploads(simulator: Simulator, api: Account) -> None:
    url = await api.upload(b"GIF89a...", "cat.gif", "image")
    request = VideoRequest(prompt="A dog", image_urls=[reference("1" * 64)])
    await api.submit(request, uploads={reference("1" * 64): url})
    assert [paid.body["image_urls"] for paid in simulator.ledger.paid] == [[url]]


async def test_a_character_is_made_and_waited_for(simulator: Simulator, api: Account) -> None:
    clip = "https://media.example/clip.mp4"
    accepted = await api.submit(CharacterRequest(url=clip, timestamps="1,3"))
    seen: list[Reply] = []
    reply = await api.wait_for_character(accepted.task_id, FAST, seen.append)
    assert reply.characters
    assert seen[-1] == reply
    assert (await api.character_status(accepted.task_id)).characters == reply.characters


async def test_everything_else_of_the_account_passes_through(
    simulator: Simulator, api: Account
) -> None:
    url = await api.upload(b"GIF89a...", "cat.gif", "image")
    assert [upload.url for upload in simulator.ledger.uploads] == [url]
    assert (await api.balance()).unlimited
    assert await api.account_balance() == await api.balance()
    assert "sora-2" in await api.models()


def test_an_account_is_the_same_for_everybody_with_its_key() -> None:
    def of(key: str, url: str, *how: Any) -> Account:
        with account(SecretStr(key), url, *how) as api:
            return api

    one = of("key-1", "https://toapis.example")
    assert of("key-1", "https://toapis.example") == one
    assert of("key-1", "https://toapis.example/v1/") == one
    assert of("key-1", "https://toapis.example", LimitRequest("vip", 0.5), RETRY) == one
    assert of("key-2", "https://toapis.example") != one
    assert of("key-1", "https://other.example") != one


def test_runs_with_other_limits_in_one_process_keep_to_the_account_s_together() -> None:
    async def submit(api: Account, number: int) -> None:
        await api.ready()
        await api.submit(DOG, f"mine-{number}")

    async def all_at_once(url: str) -> None:
        with account(KEY, url) as one, account(KEY, url, retry=RETRY) as another:
            runs = [one, another]
            await asyncio.gather(*(submit(runs[number % 2], number) for number in range(60)))

    settings = SimulatorSettings(api_keys=("test-key",), account_group="default")
    with Simulator(settings) as simulator:
        asyncio.run(all_at_once(simulator.url))
        assert len(simulator.ledger.submissions) == len(simulator.ledger.paid) == 60


def test_a_key_or_a_base_url_that_can_be_none_is_refused() -> None:
    with pytest.raises(ValueError, match="api_key"), account(SecretStr(""), "https://a.example"):
        pass
    with pytest.raises(ValueError, match="base_url"), account(KEY, "toapis.example"):
        pass


def test_one_account_is_made_even_when_many_ask_at_once() -> None:
    made: list[Account] = []
    together = threading.Barrier(8)

    def ask() -> None:
        together.wait()
        with account(SecretStr("key-3"), "https://toapis.example") as api:
            made.append(api)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1


def test_two_loops_in_two_threads_use_it_at_once(simulator: Simulator) -> None:
    async def make(business_id: str) -> Reply:
        with account(KEY, simulator.url, retry=RETRY) as api:
            await api.ready()
            accepted = await api.submit(DOG, business_id)
            return await api.wait(accepted.task_id, FAST)

    simulator.faults.add(Hold(operation="submit", times=2))
    replies: list[Reply] = []
    threads = [on_a_loop_of_its_own(make(name), replies) for name in ("mine-1", "mine-2")]
    simulator.wait_for(lambda: len(simulator.faults.held) == 2)  # both are under way
    simulator.faults.release()
    for thread in threads:
        thread.join()
    assert {reply.status for reply in replies} == {"completed"}
    assert {reply.task_id for reply in replies} == {paid.task_id for paid in simulator.ledger.paid}


def test_it_outlives_the_loop_that_used_it_first(simulator: Simulator, api: Account) -> None:
    first = asyncio.run(api.submit(DOG))
    second = asyncio.run(api.submit(DOG))
    assert first.task_id != second.task_id


async def test_cancelling_who_waits_cancels_the_work_and_leaves_the_others(
    simulator: Simulator, api: Account
) -> None:
    accepted = await api.submit(DOG)
    gone = asyncio.create_task(api.wait("video_nowhere", FAST))
    stays = asyncio.create_task(api.wait(accepted.task_id, FAST))
    await simulator.await_for(lambda: simulator.ledger.queries["video_nowhere"])
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert (await stays).outputs
    await simulator.await_for(lambda: api._shared.videos.in_flight == 0)


async def test_work_runs_in_one_thread_in_the_background() -> None:
    async def where() -> str:
        return threading.current_thread().name

    assert await in_background(where()) == "prefect-toapis"
    assert threading.current_thread().name != "prefect-toapis"


# What each caller asks for


def limited(key: str, **limits: Any) -> AbstractContextManager[Account]:
    """An account that only one test knows, with the limits that a run asks for."""
    return account(SecretStr(key), "http://127.0.0.1:1", LimitRequest(**limits))


def submissions(api: Account) -> float:
    """How many this process sends in ten seconds now."""
    return api._shared._buckets["async_submit"].per_second * 10


async def test_a_careful_run_is_not_reset_by_those_that_ask_for_nothing() -> None:
    with Simulator(SimulatorSettings(api_keys=("test-key",), account_group="default")) as simulator:
        url = simulator.url
        with account(KEY, url, LimitRequest(share=0.1)) as careful, account(KEY, url) as other:
            assert (await other.balance()).unlimited
            assert await taken_at_once(other.ready) <= 10  # of 50; some come back meanwhile
            assert await taken_at_once(careful.ready) <= 5


def test_of_two_runs_the_stricter_counts_until_it_ends() -> None:
    with limited("two-runs", share=0.5) as api:
        assert submissions(api) == 25
        with limited("two-runs", share=0.1):
            assert submissions(api) == 5
        with limited("two-runs", group="vip"):
            assert submissions(api) == pytest.approx(83)
        assert submissions(api) == 25
    with limited("two-runs") as api:
        assert submissions(api) == 50


async def test_what_a_careful_run_used_counts_when_it_has_ended() -> None:
    with limited("used") as api:
        with limited("used", share=0.1):
            assert await taken_at_once(api.ready) <= 10
        assert await taken_at_once(api.ready) <= 20  # of 45: what has come back meanwhile


def test_runs_may_end_in_the_order_in_which_they_began() -> None:
    first, second = ExitStack(), ExitStack()
    with limited("in-order") as api:
        first.enter_context(limited("in-order", share=0.1))
        second.enter_context(limited("in-order", share=0.1))  # the same, and another request
        first.close()
        assert submissions(api) == 5
        second.close()
        assert submissions(api) == 50


def test_limits_go_back_when_a_run_fails() -> None:
    with pytest.raises(ZeroDivisionError), limited("failing", share=0.1):
        _ = 1 / 0
    with limited("failing") as api:
        assert submissions(api) == 50


BROKEN = {"status": 500, "body": "{}"}


async def test_how_long_to_retry_is_each_caller_s_own(simulator: Simulator) -> None:
    with account(KEY, simulator.url, retry=RETRY) as retrying:
        with account(KEY, simulator.url, retry=RetryPolicy(budget=0)) as hasty:
            simulator.faults.add(Replace(operation="balance", times=2, **BROKEN))
            assert (await retrying.balance()).unlimited
        with account(KEY, simulator.url, retry=RETRY):
            simulator.faults.add(Replace(operation="balance", times=1, **BROKEN))
            with pytest.raises(Unavailable):
                await hasty.balance()


async def test_the_queries_of_a_wait_are_retried_as_its_caller_says(simulator: Simulator) -> None:
    once = replace(FAST, grace=0)
    with (
        account(KEY, simulator.url, retry=RETRY) as retrying,
        account(KEY, simulator.url, retry=RetryPolicy(budget=0)) as hasty,
    ):
        accepted = await retrying.submit(DOG)
        simulator.faults.add(Replace(operation="status", times=1, **BROKEN))
        with pytest.raises(Unavailable):
            await hasty.wait(accepted.task_id, once)
        simulator.faults.add(Replace(operation="status", times=2, **BROKEN))
        assert (await retrying.wait(accepted.task_id, once)).outputs


# An account that is refused as a whole


@pytest.mark.parametrize(
    ("settings", "key", "kind"),
    [
        ({"balance_credits": 0}, KEY, InsufficientBalance),
        ({}, SecretStr("another-key"), Unauthorized),
    ],
)
async def test_those_who_wait_for_room_are_refused_with_the_account(
    settings: dict[str, Any], key: SecretStr, kind: type[APIError]
) -> None:
    burst = int(ALLOWANCES["default"].submissions)
    simulated = Simulator(SimulatorSettings(api_keys=("test-key",), **settings))
    with simulated as simulator, account(key, simulator.url, retry=RETRY) as api:
        await asyncio.gather(*(api.ready() for _ in range(burst)))
        waiting = [asyncio.create_task(api.ready()) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(kind) as refused:
            await api.submit(DOG)
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert type(ended[-1]) is kind
        assert ended[-1] is not refused.value
        assert str(ended[-1]) == str(refused.value)
        await api.ready()  # whoever comes later may try: the account may have been topped up


@pytest.mark.parametrize("prompt", ["refuse me", ""])
async def test_a_refusal_of_one_request_refuses_nobody_else(
    simulator: Simulator, api: Account, prompt: str
) -> None:
    burst = int(ALLOWANCES["default"].submissions)
    await asyncio.gather(*(api.ready() for _ in range(burst)))
    waiting = asyncio.create_task(api.ready())
    await asyncio.sleep(0)
    with pytest.raises((PolicyRefused, InvalidRequest)):
        await api.submit(VideoRequest(prompt=prompt))
    await waiting


async def test_an_unknown_outcome_refuses_nobody_else(simulator: Simulator, api: Account) -> None:
    simulator.faults.add(Drop(operation="submit", when="after"))
    with pytest.raises(SubmissionUnknown):
        await api.submit(DOG, "mine-1")
    await api.ready()
    assert await api.find("mine-1") is not None


@pytest.mark.parametrize("group", ["default", "vip", "svip"])
def test_no_group_is_allowed_more_than_is_documented(group: AccountGroup) -> None:
    documented = {"default": (50, 500), "vip": (167, 1_667), "svip": (334, 5_000)}
    per_minute = {"default": (300, 3_000), "vip": (1_000, 10_000), "svip": (2_000, 30_000)}
    allowed = ALLOWANCES[group]
    assert (allowed.submissions, allowed.queries) <= documented[group]
    assert allowed.submissions * 6 <= per_minute[group][0]
    assert allowed.queries * 6 <= per_minute[group][1]
