"""One scheduler for everything that waits."""

import asyncio
import gc
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from tests.virtual_time import in_virtual_time

from prefect_toapis.client.allowance import Bucket
from prefect_toapis.client.circuit_breaker import CircuitBreaker
from prefect_toapis.client.error_bodies import ErrorBody
from prefect_toapis.client.errors import (
    GenerationFailed,
    NotFound,
    ResultMissing,
    StillRendering,
    ToAPIsError,
    Unauthorized,
    Unavailable,
    UnreadableReply,
)
from prefect_toapis.client.pacing import RenderTimes
from prefect_toapis.client.polling import (
    ASKED_PER_SECOND,
    Ask,
    Expected,
    Poller,
    PollPolicy,
    next_query_in,
    render_seconds,
    stretched,
    verdict,
)
from prefect_toapis.client.replies import CharacterReply, Output, Reply, Status, read_reply
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.simulator import Hide, Replace, Simulator

FAST = PollPolicy(first=0.01, every=0.02, timeout=20, grace=20)
URL, PAGE = "https://files.example/a.mp4", "https://files.example/share/1"
DONE = Reply("video_1", "completed", outputs=(Output(URL),))
NO_URL = Reply("video_1", "completed")
RENDERING = Reply("video_1", "in_progress", progress=50)
RENDERING_UNTOLD = Reply("video_1", "in_progress")
ODD = Reply("video_1", "unknown")
FAILED = Reply("video_1", "failed", failure=ErrorBody("Too dark", "moderation"))
UNKNOWN_TASK = NotFound("No such task")
PACE = PollPolicy(first=5, every=10, timeout=600, grace=120)


@pytest.mark.parametrize(
    ("answer", "waited", "unhealthy_for", "means"),
    [
        (DONE, 0, 0, DONE),
        (DONE, 10_000, 10_000, DONE),
        (FAILED, 0, 0, GenerationFailed),
        (FAILED, 10_000, 0, GenerationFailed),
        (RENDERING, 599, 0, None),
        (RENDERING, 600, 0, StillRendering),
        (Reply("video_1", "queued"), 0, 0, None),
        (Reply("video_1", "queued"), 600, 0, StillRendering),
        (ODD, 599, 0, None),
        (ODD, 600, 0, StillRendering),
        (NO_URL, 0, 0, None),
        (NO_URL, 300, 119, None),
        (NO_URL, 300, 120, ResultMissing),
        (NO_URL, 700, 120, ResultMissing),
        (NO_URL, 600, 10, StillRendering),
        (UNKNOWN_TASK, 0, 0, None),
        (UNKNOWN_TASK, 119, 0, None),
        (UNKNOWN_TASK, 120, 0, NotFound),
        (Unauthorized("No such key"), 0, 0, Unauthorized),
        (Unavailable("Down"), 300, 0, None),
        (Unavailable("Down"), 300, 119, None),
        (Unavailable("Down"), 300, 120, Unavailable),
    ],
)
def test_what_an_answer_means(
    answer: Reply | ToAPIsError,
    waited: float,
    unhealthy_for: float,
    means: Reply | type[ToAPIsError] | None,
) -> None:
    result = verdict(answer, waited, unhealthy_for, PACE)
    if isinstance(means, type):
        assert type(result) is means
    else:
        assert result is means


TWO = replace(DONE, outputs=(*DONE.outputs, Output("https://files.example/b.mp4")))


@pytest.mark.parametrize(
    ("answer", "n", "waited", "unhealthy_for", "means"),
    [
        (DONE, 1, 0, 0, DONE),
        (DONE, 2, 0, 0, None),
        (DONE, 2, 300, 119, None),
        (DONE, 2, 300, 120, DONE),
        (DONE, 2, 600, 10, DONE),  # what came is there, whatever the timeout
        (TWO, 2, 0, 0, TWO),
        (TWO, 1, 0, 0, TWO),
        (NO_URL, 2, 300, 119, None),
        (NO_URL, 2, 300, 120, ResultMissing),
        (replace(DONE, status="in_progress"), 1, 300, 120, None),
    ],
)
def test_fewer_results_than_ordered_are_asked_for_again_for_a_while(
    answer: Reply,
    n: int,
    waited: float,
    unhealthy_for: float,
    means: Reply | type[ToAPIsError] | None,
) -> None:
    result = verdict(answer, waited, unhealthy_for, PACE, n=n)
    if isinstance(means, type):
        assert type(result) is means
    else:
        assert result is means


def test_what_can_not_be_understood_is_named_and_kept() -> None:
    odd = read_reply({"id": "video_1", "status": "al\nmost", "share": f"{PAGE}?sig=5ec2e7"})
    assert odd
    over = verdict(odd, 601, 0, PACE)
    assert isinstance(over, StillRendering)
    assert over.message == 'after 601 seconds its status is "al most", which is unknown'
    assert over.reply == odd.excerpt
    assert over.reply
    assert PAGE in over.reply
    assert "5ec2e7" not in over.reply
    empty = read_reply({"id": "v", "status": "done", "error": {"message": "Lost"}, "x": "y"})
    assert empty
    missing = verdict(empty, 200, 120, PACE)
    assert isinstance(missing, ResultMissing)
    assert "gives no URL; the provider says: Lost" in missing.message
    assert missing.reply == empty.excerpt
    failed = verdict(replace(empty, status="failed", failure=None), 0, 0, PACE)
    assert isinstance(failed, GenerationFailed)
    assert failed.reply == empty.excerpt


@pytest.mark.parametrize(
    ("told", "age", "not_before", "seconds"),
    [
        (84.0, 90.0, 80.0, 84.0),
        (84.0, 90.0, 86.0, 86.0),  # the provider's clock begins later
        (None, 90.0, 80.0, 90.0),
        (94.0, 90.0, 80.0, 94.0),
        (1e9, 90.0, 80.0, 90.0),
        (float("inf"), 90.0, 0.0, 90.0),
    ],
)
def test_what_a_generation_took_is_no_longer_than_it_is_known(
    told: float | None, age: float, not_before: float, seconds: float
) -> None:
    assert render_seconds(told, age, not_before) == seconds


CHARACTER = Reply("task_1", "completed", characters=(CharacterReply("cat"),))


@pytest.mark.parametrize(
    ("answer", "without_for", "means"),
    [
        (CHARACTER, 0, CHARACTER),
        (DONE, 0, None),  # a video alone is no character
        (DONE, 120, ResultMissing),
        (NO_URL, 0, None),
        (FAILED, 0, GenerationFailed),
    ],
)
def test_what_an_answer_means_to_who_wants_a_character(
    answer: Reply, without_for: float, means: Reply | type[ToAPIsError] | None
) -> None:
    result = verdict(answer, 200, without_for, PACE, "characters")
    if isinstance(means, type):
        assert type(result) is means
    else:
        assert result is means


def test_what_is_missing_is_told() -> None:
    assert "gives no URL" in str(verdict(CHARACTER, 200, 120, PACE))
    assert "gives no character" in str(verdict(DONE, 200, 120, PACE, "characters"))


def test_a_wait_that_is_over_says_what_was_seen_last() -> None:
    over = verdict(RENDERING, 601, 0, PACE)
    assert isinstance(over, StillRendering)
    assert over.message == "still in progress after 601 seconds"
    assert over.money == "spent"


def test_a_failure_has_the_provider_s_reason() -> None:
    failed = verdict(FAILED, 0, 0, PACE)
    assert isinstance(failed, GenerationFailed)
    assert (failed.message, failed.code) == ("the generation failed: Too dark", "moderation")


LEARNED = RenderTimes()
LEARNED.saw("slow", *range(400, 600))
LEARNED.saw("quick", *[20 + n / 10 for n in range(200)])


@pytest.mark.parametrize(
    ("asked", "expected", "progress", "at_least", "at_most"),
    [
        (0, Expected(), None, 5, 15),  # the advice, where nothing is known
        (1, Expected(age=5), None, 5, 15),
        (3, Expected(age=150), None, 5, 15),
        (0, Expected("slow"), None, 30, 60),  # none ends so soon, but who knows
        (3, Expected("slow", age=500), None, 1, 6),
        (3, Expected("slow", age=598), None, 1, 4),  # all others had ended by now
        (3, Expected("quick", age=41), None, 1, 15),  # likewise, and seldom much later
        (3, Expected("slow", age=100), 20, 40, 60),
        (3, Expected("slow", age=420), 95, 1, 5),
        (3, Expected("quick", age=30), None, 3, 9),
        (0, Expected("quick"), None, 10, 30),
        (3, Expected("quick", age=10_000), None, 10, 60),
        (0, Expected(age=5.1), None, 0, 0),  # submitted by an earlier run: it may be done
        (0, Expected(age=9_000), None, 0, 0),
    ],
)
def test_when_to_ask_next(
    asked: int, expected: Expected, progress: float | None, at_least: float, at_most: float
) -> None:
    seconds = next_query_in(asked, expected, progress, PACE, LEARNED)
    assert at_least <= seconds <= at_most


def test_nothing_is_asked_for_before_the_first_query_is_due() -> None:
    assert next_query_in(0, Expected(), None, replace(PACE, first=90), LEARNED) == 90


@pytest.mark.parametrize(
    ("demand", "per_second", "seconds"), [(1, 50, 10), (50, 50, 10), (51, 50, 10.2), (500, 50, 100)]
)
def test_the_more_wait_the_slower_each_is_asked_for(
    demand: float, per_second: float, seconds: float
) -> None:
    together = stretched(PACE, demand, per_second)
    assert together.every == pytest.approx(seconds)
    alone, slower = (
        next_query_in(3, Expected(age=100), None, pace, LEARNED) for pace in (PACE, together)
    )
    assert (slower > alone) == (seconds > PACE.every)


class Script:
    """Answers queries from a list for each task; the last answer holds on."""

    def __init__(self, *answers: Reply | Exception, **tasks: list[Reply | Exception]) -> None:
        self.answers = list(answers)
        self.tasks = tasks
        self.asked: Counter[str] = Counter()

    async def __call__(self, task_id: str) -> Reply:
        answers = self.tasks.get(task_id, self.answers)
        answer = answers[min(self.asked[task_id], len(answers) - 1)]
        self.asked[task_id] += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


def plain(ask: Callable[[str], Awaitable[Reply]]) -> Ask:
    """Asks the same however whoever waits wants it retried."""
    return lambda task_id, _retry: ask(task_id)


def poller_of(ask: Callable[[str], Awaitable[Reply]], queries: float = 10_000) -> Poller:
    """A scheduler that may ask so often in ten seconds."""
    return Poller(plain(ask), Bucket(queries, CircuitBreaker(time.monotonic)), RenderTimes())


async def until(condition: Callable[[], object]) -> None:
    for _ in range(2_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError


@pytest.mark.parametrize("before", [[], [RENDERING], [ODD, ODD], [NO_URL, NO_URL], [UNKNOWN_TASK]])
async def test_a_wait_ends_with_the_completed_reply(before: list[Reply | Exception]) -> None:
    script = Script(*before, DONE)
    poller = poller_of(script)
    assert await poller.wait("video_1", FAST) == DONE
    assert script.asked == {"video_1": len(before) + 1}
    assert poller.in_flight == 0


@pytest.mark.parametrize(
    ("answers", "pace", "kind"),
    [
        ([FAILED], FAST, GenerationFailed),
        ([RENDERING, FAILED], FAST, GenerationFailed),
        ([NO_URL], PollPolicy(0.01, 0.02, timeout=20, grace=0.05), ResultMissing),
        ([RENDERING, NO_URL], PollPolicy(0.01, 0.02, timeout=20, grace=0.05), ResultMissing),
        ([UNKNOWN_TASK], PollPolicy(0.01, 0.02, timeout=20, grace=0.05), NotFound),
        ([RENDERING], PollPolicy(0.01, 0.02, timeout=0.05), StillRendering),
        ([ODD], PollPolicy(0.01, 0.02, timeout=0.05), StillRendering),
        ([Unavailable("Down")], replace(FAST, grace=0.05), Unavailable),
    ],
)
async def test_a_wait_that_brings_nothing_ends_with_an_error(
    answers: list[Reply | Exception], pace: PollPolicy, kind: type[ToAPIsError]
) -> None:
    poller = poller_of(Script(*answers))
    with pytest.raises(kind):
        await poller.wait("video_1", pace)
    assert poller.in_flight == 0


async def test_the_grace_for_a_missing_url_begins_at_the_first_completed_reply() -> None:
    script = Script(*[RENDERING] * 6, NO_URL, DONE)
    pace = PollPolicy(first=0.01, every=0.02, timeout=20, grace=0.1)
    assert await poller_of(script).wait("video_1", pace) == DONE


async def test_every_reply_is_told() -> None:
    told: list[Status] = []
    script = Script(UNKNOWN_TASK, Reply("video_1", "queued"), RENDERING, DONE)
    await poller_of(script).wait("video_1", FAST, lambda reply: told.append(reply.status))
    assert told == ["queued", "in_progress", "completed"]


async def test_an_exception_of_the_callback_reaches_who_waits_and_nobody_else() -> None:
    def broken(_: Reply) -> None:
        raise ZeroDivisionError

    poller = poller_of(Script(RENDERING, DONE))
    first, second = await asyncio.gather(
        poller.wait("video_1", FAST, broken), poller.wait("video_2", FAST), return_exceptions=True
    )
    assert isinstance(first, ZeroDivisionError)
    assert second == DONE


async def test_an_unexpected_exception_of_a_query_reaches_who_waits() -> None:
    poller = poller_of(Script(broken=[KeyError("ours")], whole=[DONE]))
    with pytest.raises(KeyError):
        await poller.wait("broken", FAST)
    assert await poller.wait("whole", FAST) == DONE


async def test_all_waits_share_one_scheduler() -> None:
    poller = poller_of(Script(DONE))
    before = asyncio.all_tasks()
    waits = [asyncio.create_task(poller.wait(f"v{n}", PollPolicy(first=60))) for n in range(100)]
    await until(lambda: poller.in_flight == 100)
    others = asyncio.all_tasks() - before - set(waits)
    assert len(others) <= 2, "the scheduler, and its own wait for what comes next"
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
    assert poller.in_flight == 0


async def test_a_wait_that_begins_later_may_be_due_earlier() -> None:
    poller = poller_of(Script(DONE))
    late = asyncio.create_task(poller.wait("late", PollPolicy(first=60)))
    await asyncio.sleep(0.02)  # the scheduler sleeps until then
    assert await asyncio.wait_for(poller.wait("early", FAST), 20) == DONE
    assert not late.done()
    late.cancel()


async def test_a_scheduler_that_had_nothing_left_to_do_begins_again() -> None:
    poller = poller_of(Script(DONE))
    for _ in range(3):
        assert await poller.wait("video_1", FAST) == DONE
        await asyncio.sleep(0.02)


async def test_queries_keep_within_the_allowance_of_the_account() -> None:
    script = Script(RENDERING)
    poller = poller_of(script, 3)
    waits = [asyncio.create_task(poller.wait(f"v{n}", PollPolicy(first=3600))) for n in range(10)]
    await until(lambda: poller.in_flight == 10)
    for number in range(10):
        poller.notice(f"v{number}")  # all are due now
    await until(lambda: script.asked.total() == 3)
    await asyncio.sleep(0.1)
    assert script.asked.total() == 3
    for wait in waits:
        wait.cancel()


def test_thousands_are_not_asked_for_more_often_than_a_process_bears() -> None:
    """Even where the account may ask 500 times a second."""
    asked = 0

    async def ask(_task_id: str) -> Reply:
        nonlocal asked
        asked += 1
        return RENDERING_UNTOLD

    async def scenario() -> float:
        clock = asyncio.get_running_loop()
        poller = Poller(plain(ask), Bucket(5000, CircuitBreaker(clock.time)), RenderTimes())
        waits = [asyncio.create_task(poller.wait(f"v{n}")) for n in range(3000)]
        await asyncio.sleep(60)  # until they are spread
        before = asked
        await asyncio.sleep(100)
        for wait in waits:
            wait.cancel()
        return (asked - before) / 100

    assert in_virtual_time(scenario()) == pytest.approx(ASKED_PER_SECOND, rel=0.15)


def test_what_was_submitted_together_is_asked_for_about_when_it_is_planned() -> None:
    """A long wait is spread by a second at most: later, a video would wait for nothing."""
    times = RenderTimes()
    times.saw("long", *[300.0] * 50)
    planned = next_query_in(0, Expected("long"), None, PollPolicy(), times)
    first: dict[str, float] = {}

    async def ask(task_id: str) -> Reply:
        first.setdefault(task_id, asyncio.get_running_loop().time())
        return RENDERING_UNTOLD

    async def scenario() -> float:
        clock = asyncio.get_running_loop()
        poller = Poller(plain(ask), Bucket(10_000, CircuitBreaker(clock.time)), times)
        waits = [
            asyncio.create_task(poller.wait(f"v{number}", expected=Expected("long")))
            for number in range(40)
        ]
        began = clock.time()
        await asyncio.sleep(planned + 2)
        for wait in waits:
            wait.cancel()
        return began

    due = in_virtual_time(scenario()) + planned
    assert len(first) == 40
    assert all(abs(one - due) < 1.1 for one in first.values())
    assert max(first.values()) - min(first.values()) > 0.5


async def test_a_cancelled_wait_leaves_the_others_and_is_not_asked_for_again() -> None:
    script = Script(gone=[RENDERING], stays=[*[RENDERING] * 20, DONE])
    poller = poller_of(script)
    gone = asyncio.create_task(poller.wait("gone", FAST))
    stays = asyncio.create_task(poller.wait("stays", FAST))
    await until(lambda: script.asked["gone"] and script.asked["stays"])
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    asked = script.asked["gone"]
    assert await stays == DONE
    assert script.asked["gone"] == asked


async def test_a_wait_may_be_cancelled_in_the_middle_of_its_query() -> None:
    trouble: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: trouble.append(context))
    asking, go_on = asyncio.Event(), asyncio.Event()

    async def slow(task_id: str) -> Reply:
        if task_id == "slow":
            asking.set()
            await go_on.wait()
        return DONE

    poller = poller_of(slow)
    wait = asyncio.create_task(poller.wait("slow", FAST))
    await asking.wait()
    wait.cancel()
    with pytest.raises(asyncio.CancelledError):
        await wait
    go_on.set()
    assert await poller.wait("other", FAST) == DONE
    gc.collect()  # asyncio tells of a lost exception when it forgets the task
    assert trouble == []


async def test_a_slow_query_does_not_hold_up_the_others() -> None:
    go_on = asyncio.Event()

    async def ask(task_id: str) -> Reply:
        if task_id == "slow":
            await go_on.wait()
        return DONE

    poller = poller_of(ask)
    slow = asyncio.create_task(poller.wait("slow", FAST))
    assert await asyncio.gather(*(poller.wait(f"v{n}", FAST) for n in range(5))) == [DONE] * 5
    assert not slow.done()
    go_on.set()
    assert await slow == DONE


async def test_news_of_a_generation_are_looked_at_at_once() -> None:
    script = Script(DONE)
    poller = poller_of(script)
    wait = asyncio.create_task(poller.wait("video_1", PollPolicy(first=3600)))
    other = asyncio.create_task(poller.wait("video_2", PollPolicy(first=3600)))
    await until(lambda: poller.in_flight == 2)
    poller.notice("video_1")
    assert await asyncio.wait_for(wait, 20) == DONE
    assert script.asked == {"video_1": 1}
    other.cancel()


async def test_news_that_are_wrong_or_of_strangers_do_no_harm() -> None:
    script = Script(RENDERING)
    poller = poller_of(script)
    wait = asyncio.create_task(poller.wait("video_1", PollPolicy(first=3600)))
    await until(lambda: poller.in_flight == 1)
    for _ in range(3):
        poller.notice("stranger")
    poller.notice("video_1")
    await until(lambda: script.asked["video_1"] == 1)
    await asyncio.sleep(0.05)
    assert script.asked == {"video_1": 1}
    assert not wait.done()
    wait.cancel()


async def test_news_in_the_middle_of_a_query_bring_another_one() -> None:
    asking, go_on, asked = asyncio.Event(), asyncio.Event(), 0

    async def ask(task_id: str) -> Reply:
        nonlocal asked
        asked += 1
        if asked == 1:
            asking.set()
            await go_on.wait()
            return RENDERING
        return DONE

    poller = poller_of(ask)
    wait = asyncio.create_task(poller.wait("video_1", PollPolicy(first=3600)))
    await until(lambda: poller.in_flight == 1)
    poller.notice("video_1")
    await asking.wait()
    poller.notice("video_1")
    go_on.set()
    assert await asyncio.wait_for(wait, 20) == DONE
    assert asked == 2


def test_what_is_learnt_is_used_by_those_that_wait_already() -> None:
    begun: dict[str, float] = {}
    late: list[float] = []

    async def scenario() -> None:
        clock = asyncio.get_running_loop()

        async def ask(task_id: str) -> Reply:
            over = clock.time() >= begun[task_id] + 30
            return replace(DONE, created_at=0, completed_at=30) if over else RENDERING_UNTOLD

        async def wait(number: int) -> None:
            task_id = f"video_{number}"
            await asyncio.sleep(number / 50)
            begun[task_id] = clock.time()
            await poller.wait(task_id, PollPolicy(), expected=Expected("of 30 s"))
            late.append(clock.time() - begun[task_id] - 30)

        poller = Poller(plain(ask), Bucket(10_000, CircuitBreaker(clock.time)), RenderTimes())
        await asyncio.gather(*map(wait, range(500)))

    in_virtual_time(scenario())
    assert statistics.median(late) < 4  # on its own, each is found about 7 s late


async def test_what_it_waited_for_teaches_it_how_long_such_generations_take() -> None:
    times = RenderTimes()
    told = Reply("v", "completed", outputs=DONE.outputs, created_at=100.0, completed_at=184.0)
    poller = Poller(plain(Script(told)), Bucket(1000, CircuitBreaker(time.monotonic)), times)
    await poller.wait("v", FAST, expected=Expected("sora-2 10", age=90.0))
    poller = Poller(plain(Script(DONE)), Bucket(1000, CircuitBreaker(time.monotonic)), times)
    await poller.wait("v", FAST, expected=Expected("sora-2 10", age=70.0))
    assert [round(took) for took in times.by_kind["sora-2 10"]] == [84, 70]


async def test_missing_results_are_waited_for_and_then_done_without() -> None:
    script = Script(DONE, DONE, TWO)
    assert await poller_of(script).wait("video_1", FAST, expected=Expected(n=2)) == TWO
    assert script.asked["video_1"] == 3
    script = Script(TWO)
    brief = replace(FAST, grace=0.1)
    assert await poller_of(script).wait("video_1", brief, expected=Expected(n=3)) == TWO
    assert script.asked["video_1"] > 1


async def test_waiting_for_what_is_missing_teaches_nothing() -> None:
    times = RenderTimes()
    poller = Poller(plain(Script(DONE)), Bucket(1000, CircuitBreaker(time.monotonic)), times)
    pace = replace(FAST, grace=0.3)
    await poller.wait("v", pace, expected=Expected("sora-2 10", age=70.0, n=2))
    assert [round(took, 1) for took in times.by_kind["sora-2 10"]] == [70.0]
    await poller.wait("v", FAST, expected=Expected("sora-2 10", age=2e9))
    assert len(times.by_kind["sora-2 10"]) == 1


async def test_a_reply_with_another_business_id_is_not_believed() -> None:
    other = replace(DONE, business_id="other-1")
    ours = replace(DONE, business_id="mine-1")
    expected = Expected(business_id="mine-1")
    assert await poller_of(Script(other, ours)).wait("v", FAST, expected=expected) == ours
    with pytest.raises(UnreadableReply, match=r"business id other-1, which was not queried"):
        await poller_of(Script(other)).wait("v", replace(FAST, grace=0.05), expected=expected)


async def test_each_query_is_retried_as_whoever_waits_wants_it() -> None:
    policies: dict[str, set[RetryPolicy]] = defaultdict(set)
    script = Script(RENDERING, RENDERING, DONE)

    async def ask(task_id: str, retry: RetryPolicy) -> Reply:
        policies[task_id].add(retry)
        return await script(task_id)

    poller = Poller(ask, Bucket(10_000, CircuitBreaker(time.monotonic)), RenderTimes())
    short, long = RetryPolicy(budget=0), RetryPolicy(budget=300)
    waits = poller.wait("v1", FAST, retry=short), poller.wait("v2", FAST, retry=long)
    await asyncio.gather(*waits)
    assert policies == {"v1": {short}, "v2": {long}}
    assert script.asked == {"v1": 3, "v2": 3}


# Against the provider


async def test_generations_are_waited_for_until_their_results_are_there(
    simulator: Simulator, client: ToAPIsClient
) -> None:
    prompts = ["A dog", "A cat", "fail me", "Two cats"]
    accepted = [await client.submit(VideoRequest(prompt=prompt)) for prompt in prompts]
    poller = poller_of(client.status)
    results = await asyncio.gather(
        *(poller.wait(one.task_id, FAST) for one in accepted), return_exceptions=True
    )
    for one, result in zip(accepted, results, strict=True):
        if one is accepted[2]:
            assert isinstance(result, GenerationFailed)
            assert "Content violates the content policy" in str(result)
        else:
            assert isinstance(result, Reply)
            assert result.task_id == one.task_id
            assert result.outputs[0].url.startswith(simulator.media_url)


async def test_every_variant_is_a_result(client: ToAPIsClient) -> None:
    accepted = await client.submit(VideoRequest(prompt="A dog", n=3, thumbnail=True))
    reply = await poller_of(client.status).wait(accepted.task_id, FAST)
    assert len({output.url for output in reply.outputs}) == 3
    assert all(output.thumbnail_url for output in reply.outputs)


async def test_404_right_after_the_submission_is_waited_out(
    simulator: Simulator, client: ToAPIsClient
) -> None:
    simulator.faults.add(Hide(seconds=0.4))
    accepted = await client.submit(VideoRequest(prompt="A dog"))
    reply = await poller_of(client.status).wait(accepted.task_id, FAST)
    assert reply.status == "completed"
    assert simulator.ledger.queries[accepted.task_id] > 1


@pytest.mark.parametrize(
    "body", ['{"id": null, "status": "never heard"}', '{"status": "completed"}']
)
async def test_replies_that_are_not_final_are_followed_by_another_query(
    simulator: Simulator, client: ToAPIsClient, body: str
) -> None:
    simulator.faults.add(Replace(operation="status", status=200, body=body, times=3))
    accepted = await client.submit(VideoRequest(prompt="A dog"))
    reply = await poller_of(client.status).wait(accepted.task_id, FAST)
    assert reply.outputs
    assert simulator.ledger.queries[accepted.task_id] > 3
