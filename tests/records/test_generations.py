"""A generation, as the tasks hand it on."""

from datetime import datetime, timedelta, timezone

import pytest

from prefect_toapis.client.replies import Output, Reply
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.planning.plan import single_shot
from prefect_toapis.records.generations import Generation

SIGNED = "https://files.example/7712.mp4?sig=5ec2e7"
DONE = Reply("video_1", "completed", outputs=(Output(SIGNED, "mp4", SIGNED),))
QUEUED = Generation(task_id="video_1", business_id="pt-1", n=2)


def test_a_reply_updates_a_copy() -> None:
    done = QUEUED.after(DONE)
    assert (done.status, done.outputs) == ("completed", DONE.outputs)
    assert (done.task_id, done.business_id, done.n) == ("video_1", "pt-1", 2)
    assert (QUEUED.status, QUEUED.outputs) == ("queued", ())
    assert done.after(Reply("video_1", "in_progress")).outputs == ()


def test_urls_are_neither_shown_nor_serialised() -> None:
    done = QUEUED.after(DONE)
    shown = f"{done!r} {done} {done.model_dump()} {done.model_dump_json()}"
    assert "5ec2e7" not in shown
    assert "7712" not in shown
    assert Generation.model_validate_json(done.model_dump_json()).outputs == ()


def test_it_is_called_like_its_shot_or_by_its_id() -> None:
    assert QUEUED.label == "video_1"
    shot = single_shot(VideoRequest(prompt="A dog"), "s3://videos")
    assert QUEUED.model_copy(update={"shot": shot}).label == shot.label


NOW = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


def at(hours: float) -> float:
    """Unix seconds so many hours from now."""
    return (NOW + timedelta(hours=hours)).timestamp()


@pytest.mark.parametrize(
    ("age", "completed", "expires", "expired"),
    [
        (25, at(-24.5), at(-0.5), True),
        (25, at(-23), at(1), False),
        (23, at(-24.5), at(-0.5), False),  # not that old by our own record
        (0.1, at(-30), at(-6), False),
        (25, at(-24.5), 0, False),
        (25, at(-24.5), -1, False),
        (25, None, at(-0.5), False),  # of what completion?
        (25, at(-0.5), at(-0.5), False),
        (25, at(-0.4), at(-0.5), False),
        (25, at(-24), at(-24) + 1, True),
        (23, at(-23), at(-23) + 1, False),
        (25, at(-24.5), 1e300, False),
        (25, at(-24.5), float("nan"), False),
        (25, None, None, False),
        (47, None, None, False),
        (49, None, None, True),
        (49, 0, 0, True),
        (49, at(-24.5), at(1), False),
        (None, at(-99), at(-75), False),  # nothing is known of its age
        (None, None, None, False),
    ],
)
def test_an_expiry_counts_only_once_it_is_as_old_by_our_own_record(
    age: float | None, completed: float | None, expires: float | None, expired: bool
) -> None:
    sent = None if age is None else NOW - timedelta(hours=age)
    reply = Reply("video_1", "completed", completed_at=completed, expires_at=expires)
    generation = QUEUED.model_copy(update={"submitted_at": sent}).after(reply)
    assert generation.has_expired(NOW) is expired


def test_a_wait_knows_how_many_are_ordered_and_whose_it_is() -> None:
    expected = QUEUED.expected(NOW)
    assert (expected.n, expected.business_id, expected.age) == (2, "pt-1", 0.0)
