"""What of a batch is open, and in which words."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from prefect_toapis.client.replies import Reply, Status, read_reply
from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.records.attempts import Attempt, State
from prefect_toapis.records.inventory import take_inventory
from prefect_toapis.records.open_shots import OpenShot, failed_shots, open_shots, unstored_attempts

SENT = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
(PLANNED,) = plan_batch(BatchSpec.model_validate({"scenes": ["A dog"]}), "b", "s3://videos").shots
SHOT = take_inventory("b", []).with_existing_folder(PLANNED)
RENDERING = Reply("video_1", "in_progress")
DONE = Reply("video_1", "completed", expires_at=(SENT + timedelta(hours=24.5)).timestamp())


def attempt(state: State, number: int = 1, **known: Any) -> Attempt:
    return Attempt(
        shot_id=SHOT.shot_id,
        attempt=number,
        business_id=f"pt-{number}",
        state=state,
        sent_at=SENT,
        **known,
    )


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], None),
        (["sending"], "open"),
        (["accepted"], "open"),
        (["expired"], "open"),
        (["rejected"], "failed"),
        (["failed"], "failed"),
        (["failed", "accepted"], "open"),
        (["expired", "failed"], "failed"),
    ],
)
def test_the_latest_attempt_decides(states: list[State], expected: str | None) -> None:
    attempts = [attempt(state, number) for number, state in enumerate(states, 1)]
    record = {SHOT.record: list(reversed(attempts))}
    opened, failed = open_shots([SHOT], record), failed_shots([SHOT], record)
    assert [one.attempt for one in opened] == (attempts[-1:] if expected == "open" else [])
    assert list(failed) == ([SHOT.shot_id] if expected == "failed" else [])


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (
            OpenShot(SHOT, attempt("sending")),
            (
                "sent at 22 Nov 12:00 UTC without an answer; it will be looked up as pt-1; if "
                "accepted, its result is available at least until 23 Nov 12:00 UTC (23.0 hours)"
            ),
        ),
        (
            OpenShot(SHOT, attempt("accepted", task_id="video_1"), RENDERING),
            (
                "generation video_1 is in progress; its result is available at least until "
                "23 Nov 12:00 UTC (23.0 hours)"
            ),
        ),
        (
            OpenShot(SHOT, attempt("accepted", task_id="video_1"), DONE),
            (
                "generation video_1 is completed; its result is available until "
                "23 Nov 12:30 UTC (23.5 hours)"
            ),
        ),
        (
            OpenShot(SHOT, attempt("accepted", task_id="video_1")),
            (
                "generation video_1 is in an unknown state; its result is available at least until "
                "23 Nov 12:00 UTC (23.0 hours)"
            ),
        ),
    ],
)
def test_says_what_is_known_and_until_when_it_can_be_stored(one: OpenShot, words: str) -> None:
    assert one.in_words(SENT + timedelta(hours=1)) == words
    row = one.unstored(SENT + timedelta(hours=1))
    assert (row.status, row.reason, row.business_id) == ("open", words, "pt-1")


def test_says_that_it_is_too_late() -> None:
    one = OpenShot(SHOT, attempt("accepted", task_id="video_1"), DONE)
    assert one.in_words(SENT + timedelta(hours=30)).endswith("23 Nov 12:30 UTC, which has passed")


@pytest.mark.parametrize(
    ("completed", "expires"),
    [
        *((None, 0.0), (None, -1.0), (None, 1e300), (None, float("nan")), (None, 1768466914.0)),
        (SENT.timestamp() + 60, SENT.timestamp() + 30),
    ],
)
def test_an_expiry_that_can_not_be_is_not_believed(completed: float | None, expires: float) -> None:
    reply = Reply("video_1", "completed", completed_at=completed, expires_at=expires)
    one = OpenShot(SHOT, attempt("accepted", task_id="video_1"), reply)
    assert one.expires_at == SENT + timedelta(hours=24)
    assert "at least until" in one.in_words(SENT)


def test_an_odd_reply_is_named_and_kept() -> None:
    odd = read_reply({"id": "video_1", "status": "oops"})
    row = OpenShot(SHOT, attempt("accepted", task_id="video_1"), odd).unstored(SENT)
    assert (row.reason or "").startswith('generation video_1 is "oops"; ')
    assert row.reply == '{"id": "video_1", "status": "oops"}'
    before = OpenShot(SHOT, attempt("accepted", task_id="video_1", reply="{odd}"))
    assert before.unstored(SENT).reply == "{odd}"
    assert OpenShot(SHOT, attempt("accepted"), RENDERING).unstored(SENT).reply is None


def test_a_failure_keeps_its_reason() -> None:
    lost = attempt("failed", 2, failure="a worker was lost", task_id="video_2")
    row = failed_shots([SHOT], {SHOT.record: [lost]})[SHOT.shot_id]
    assert (row.reason, row.task_id) == ("attempt 2 was failed: a worker was lost", "video_2")


FOLDER = "b/dog-abcdefghijkl"


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ([], {}),
        (["plan.json", "b/plan.json", "b/manifest.jsonl"], {}),
        ([f"{FOLDER}/attempt-1.json"], {"b": [f"{FOLDER}/attempt-1.json"]}),
        ([f"{FOLDER}/attempt-1.json", f"{FOLDER}/shot.json"], {}),
        (
            [f"{FOLDER}/attempt-1.json", "c/cat-abcdefghijkl/shot.json"],
            {"b": [f"{FOLDER}/attempt-1.json"]},
        ),
        (["a/b/c/attempt-1.json"], {}),
    ],
)
def test_the_keys_tell_which_shots_were_sent_and_are_not_stored(
    keys: list[str], found: dict[str, list[str]]
) -> None:
    assert unstored_attempts(keys) == found


@pytest.mark.parametrize(
    ("status", "ended"),
    [("queued", False), ("in_progress", False), ("completed", True), ("failed", True)],
)
def test_what_the_provider_calls_over_has_ended(status: Status, ended: bool) -> None:
    sent = attempt("accepted")
    assert OpenShot(SHOT, sent, Reply("video_1", status)).has_ended is ended
    assert not OpenShot(SHOT, sent).has_ended
