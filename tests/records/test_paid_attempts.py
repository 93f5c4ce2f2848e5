"""What was bought, read from a bucket of several batches and of both layouts."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from tests.records.conftest import SENT, MemoryStore

from prefect_toapis.records.attempts import Attempt
from prefect_toapis.records.layout import attempt_key, record_folder
from prefect_toapis.records.paid_attempts import Period, is_unreadable, paid_attempts

DAY = timedelta(days=1)
ALWAYS = Period()


def shot_id(letter: str) -> str:
    return letter * 26


def put(
    store: MemoryStore, batch: str, letter: str, state: str = "accepted", **known: Any
) -> Attempt:
    """Store an attempt as `records/` has it."""
    number, sent_at = known.pop("attempt", 1), known.pop("sent_at", SENT)
    record = known.pop("record", record_folder(batch, shot_id(letter)))
    has_task = state not in {"sending", "rejected"}
    attempt = Attempt(
        shot_id=shot_id(letter),
        attempt=number,
        business_id=f"pt{shot_id(letter)}-{number}",
        state=state,
        task_id=f"video_{letter}{number}" if has_task else None,
        request={"model": "sora-2", "prompt": "A dog"},
        sent_at=sent_at,
        **known,
    )
    key = attempt_key(record, number)
    store.contents[key] = attempt.model_dump_json().encode()
    store.modified[key] = sent_at
    return attempt


async def found(store: MemoryStore, period: Period = ALWAYS) -> list[tuple[str, str]]:
    return [
        (folder, attempt.business_id[2] + attempt.business_id[-2:])
        async for folder, attempts in paid_attempts(store, period)
        for attempt in attempts
    ]


async def test_each_batch_is_read_for_what_was_paid_or_may_be() -> None:
    store = MemoryStore()
    put(store, "porto", "a")
    put(store, "lisbon", "b", "rejected")
    put(store, "lisbon", "b", "expired", attempt=2)
    put(store, "lisbon", "b", attempt=3)
    put(store, "lisbon", "c", "failed")
    put(store, "lisbon", "d", "sending")
    put(store, "characters", "e")
    put(store, "requests", "f")
    store.contents["render-times.json"] = b"{}"
    store.contents["uploads/abc.json"] = b"{}"
    store.contents["lisbon/records/x/attempt-1-send-2.json"] = b"{}"
    assert sorted(await found(store)) == [
        ("characters", "e-1"),
        ("lisbon", "b-2"),
        ("lisbon", "b-3"),
        ("lisbon", "d-1"),
        ("porto", "a-1"),
        ("requests", "f-1"),
    ]


async def test_a_shot_of_the_earlier_layout_counts_once_even_if_it_has_both() -> None:
    store = MemoryStore()
    put(store, "lisbon", "a", record=f"lisbon/dog-wide-{'a' * 12}")
    assert await found(store) == [("lisbon", "a-1")]
    put(store, "lisbon", "a")
    assert await found(store) == [("lisbon", "a-1")]


@pytest.mark.parametrize(
    ("since", "until", "letters"),
    [
        (None, None, "abc"),
        (SENT, None, "bc"),
        (SENT, SENT + DAY, "b"),
        (None, SENT, "a"),
        (SENT + 2 * DAY, None, ""),
    ],
)
async def test_a_period_has_its_start_and_not_its_end(
    since: datetime | None, until: datetime | None, letters: str
) -> None:
    store = MemoryStore()
    for letter, sent_at in (("a", SENT - 3 * DAY), ("b", SENT), ("c", SENT + DAY)):
        put(store, "lisbon", letter, sent_at=sent_at)
    assert [name[0] for _, name in await found(store, Period(since, until))] == [*letters]


async def test_what_was_written_long_before_is_not_read() -> None:
    store = MemoryStore()
    put(store, "lisbon", "a", sent_at=SENT - 2 * DAY)
    put(store, "lisbon", "b")
    put(store, "lisbon", "c", "accepted", attempt=1)
    store.modified[attempt_key(record_folder("lisbon", shot_id("c")), 1)] = SENT - DAY / 2
    operations: list[str] = []

    def noted(operation: str, _key: str) -> bool:
        operations.append(operation)
        return False

    store.broken = noted
    assert len(await found(store, Period(SENT))) == 2  # c by a store whose clock is late
    assert operations.count("read") == 2


async def test_a_record_that_can_not_be_read_is_yielded_as_such() -> None:
    store = MemoryStore()
    key = attempt_key(record_folder("lisbon", shot_id("a")), 1)
    store.contents[key] = json.dumps({"version": 99}).encode()
    put(store, "lisbon", "b", "sending")
    until = Period(until=datetime(2026, 11, 23, tzinfo=timezone.utc))
    attempts = [attempt async for _, some in paid_attempts(store, until) for attempt in some]
    assert [is_unreadable(attempt) for attempt in attempts] == [True, False]


async def test_a_batch_of_thousands_is_read_in_parts() -> None:
    store = MemoryStore()
    template = put(store, "lisbon", "a")
    for number in range(2, 2_502):
        changed = {"attempt": number, "business_id": f"pt{shot_id('a')}-{number}"}
        key = attempt_key(record_folder("lisbon", shot_id("a")), number)
        store.contents[key] = template.model_copy(update=changed).model_dump_json().encode()
    sizes = [len(attempts) async for _, attempts in paid_attempts(store, ALWAYS)]
    assert sizes == [1000, 1000, 501]
