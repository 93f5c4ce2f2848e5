"""What the bucket knows of a shot, and what follows from it."""

from datetime import datetime, timedelta, timezone
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from prefect_toapis.records.attempts import (
    Attempt,
    FailureKind,
    GiveUp,
    LookUp,
    Resume,
    State,
    Step,
    Submit,
    lookup_is_conclusive,
    next_step,
    resend_key,
)
from prefect_toapis.records.layout import attempt_key

SENT = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
Retry = Literal["transient", "all", "none"]
RETRIES: tuple[Retry, ...] = ("transient", "all", "none")
GIVE_UP = "give up"
AGAIN = "again"


def attempt(state: State = "sending", number: int = 1, **known: Any) -> Attempt:
    return Attempt(
        shot_id="s",
        attempt=number,
        business_id=f"pts-{number}",
        state=state,
        request={"model": "sora-2", "prompt": "A dog"},
        sent_at=SENT,
        **known,
    )


@pytest.mark.parametrize("retry", RETRIES)
@pytest.mark.parametrize("kind", [None, "transient", "refused"])
def test_what_is_under_way_is_never_submitted_again(retry: Retry, kind: FailureKind | None) -> None:
    sending, accepted = (
        attempt("sending", failure_kind=kind),
        attempt("accepted", failure_kind=kind),
    )
    assert next_step(sending, retry) == LookUp(sending)
    assert next_step(accepted, retry) == Resume(accepted)


@pytest.mark.parametrize("retry", RETRIES)
def test_what_expired_is_bought_anew_only_when_told(retry: Retry) -> None:
    expired = attempt("expired", 2)
    assert next_step(expired, retry) == Resume(expired)
    assert next_step(expired, retry, "rebuy") == Submit(3)
    accepted = attempt("accepted", 2)
    assert next_step(accepted, retry, "rebuy") == Resume(accepted)


@pytest.mark.parametrize("retry", RETRIES)
def test_what_was_never_sent_is_submitted(retry: Retry) -> None:
    assert next_step(None, retry) == Submit(1)


WHEN_TOLD = [
    ("refused", "transient", GIVE_UP),
    ("refused", "all", AGAIN),
    ("refused", "none", GIVE_UP),
    (None, "transient", GIVE_UP),  # nobody knows why it failed: only when told
    (None, "all", AGAIN),
    (None, "none", GIVE_UP),
    ("transient", "transient", AGAIN),
    ("transient", "all", AGAIN),
]


@pytest.mark.parametrize(
    ("state", "kind", "retry", "expected"),
    [
        *[(state, *row) for state in ("rejected", "failed") for row in WHEN_TOLD],
        ("failed", "transient", "none", GIVE_UP),
        ("rejected", "transient", "none", AGAIN),  # turned away: it never had its chance
    ],
)
def test_what_failed_is_tried_again_as_the_settings_say(
    state: State, kind: FailureKind | None, retry: Retry, expected: str
) -> None:
    latest = attempt(state, 3, failure_kind=kind)
    step: Step = Submit(4) if expected == AGAIN else GiveUp(latest)
    assert next_step(latest, retry) == step


@pytest.mark.parametrize(
    ("after", "window", "expected"),
    [(0, 120, False), (119.9, 120, False), (120, 120, True), (500, 120, True), (0, 0, True)],
)
def test_a_lookup_is_conclusive_after_the_window(
    after: float, window: float, expected: bool
) -> None:
    assert lookup_is_conclusive(SENT, SENT + timedelta(seconds=after), window) is expected


def test_a_clock_that_is_behind_settles_nothing() -> None:
    assert not lookup_is_conclusive(SENT, SENT - timedelta(hours=1), 120)


def test_settling_does_not_depend_on_the_time_zone() -> None:
    there = timezone(timedelta(hours=9))
    assert not lookup_is_conclusive(SENT, (SENT + timedelta(seconds=119)).astimezone(there), 120)
    assert lookup_is_conclusive(SENT.astimezone(there), SENT + timedelta(seconds=120), 120)


def test_keys() -> None:
    assert attempt_key("b/dog-abc", 12) == "b/dog-abc/attempt-12.json"
    again = attempt().model_copy(update={"sends": 2})
    assert resend_key("b/dog-abc", again) == "b/dog-abc/attempt-1-send-2.json"


moments = st.integers(946_684_800, 4_102_444_800).map(
    lambda s: datetime.fromtimestamp(s, timezone.utc)
)
texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.builds(
        Attempt,
        shot_id=texts,
        attempt=st.integers(1, 999),
        business_id=texts,
        sent_at=moments,
        ended_at=moments | st.none(),
        failure=texts | st.none(),
    )
)
def test_an_attempt_survives_json(made: Attempt) -> None:
    assert Attempt.model_validate_json(made.model_dump_json(exclude_none=True)) == made


# As the first release wrote it: every later one must be able to read it.
WRITTEN = (
    '{"version": 1, "shot_id": "s", "attempt": 1, "business_id": "pts-1", "state": "accepted",'
    ' "sent_at": "2026-11-22T12:00:00Z", "run": "r", "task_id": "video_1"}'
)


def test_a_record_of_the_first_release_can_be_read() -> None:
    told = attempt("accepted", run="r", task_id="video_1").model_copy(update={"request": {}})
    assert Attempt.model_validate_json(WRITTEN) == told


def test_a_later_version_with_more_fields_can_be_read() -> None:
    later = WRITTEN.replace('"version": 1', '"version": 2, "price": {"credits": 20}')
    assert Attempt.model_validate_json(later).task_id == "video_1"


@pytest.mark.parametrize(
    "broken", ["", "{}", WRITTEN[:50], WRITTEN.replace("accepted", "lost"), "null", "[]"]
)
def test_a_record_that_cannot_be_read_is_an_error_and_not_none(broken: str) -> None:
    with pytest.raises(ValidationError):
        Attempt.model_validate_json(broken)
