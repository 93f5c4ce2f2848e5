"""Which of a shot's candidates is sent next, by table and by rule."""

from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.flows.shards import signed_url_faults
from prefect_toapis.planning.combining import fallback_requests
from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.settings import RetrySettings, RunSettings
from prefect_toapis.planning.spec import BatchSpec, Fallback, Scene, Variant
from prefect_toapis.records.attempts import Attempt, Submit
from prefect_toapis.records.fallbacks import next_candidate, next_purchase

SIGNED = "https://media.example/a.png?X-Amz-Signature=s3cr3t"


def test_a_signed_url_of_a_fallback_can_t_be_read_from_the_plan() -> None:
    fallback = Fallback(model="kling-v3", reference_images=[SIGNED])
    spec = BatchSpec(scenes=[Scene(prompt="A dog")], variants=[Variant(fallbacks=[fallback])])
    [fault] = signed_url_faults(plan_batch(spec, "b", "s3://videos").shots, spec)
    assert "it has a signed URL" in fault
    assert "s3cr3t" not in fault


def test_the_limit_of_videos_counts_the_most_that_a_fallback_may_bring() -> None:
    variant = Variant(model="kling-v3", duration=5, fallbacks=[Fallback(model="sora-2-vip", n=4)])
    spec = BatchSpec(scenes=[Scene(prompt="A dog")], variants=[variant], max_videos=3)
    plan = plan_batch(spec, "b", "s3://videos")
    assert plan.videos == 4
    assert [fault for fault in plan.faults if fault.startswith("max_videos=3: the plan has 4")]


REQUESTS = [
    VideoRequest(prompt="A dog", model=name) for name in ("sora-2-vip", "kling-v3", "seedance-2")
]
SENT_AT = datetime(2026, 1, 1, tzinfo=timezone.utc)


def attempt(sent: int, state: str, kind: str | None = None) -> Attempt:
    request = REQUESTS[sent].shown().given()
    facts: dict[str, Any] = {"state": state, "failure_kind": kind, "request": request}
    facts |= {"shot_id": "a" * 26, "attempt": 1, "business_id": "pta-1", "task_id": "t"}
    return Attempt.model_validate({**facts, "sent_at": SENT_AT})


@pytest.mark.parametrize(
    ("sent", "state", "kind", "candidate"),
    [
        (0, "rejected", "refused", 1),
        (1, "failed", "refused", 2),
        (2, "failed", "refused", 0),
        (1, "rejected", "transient", 1),
        (0, "sending", None, 0),
        (1, "accepted", None, 1),
        (1, "expired", None, 1),
    ],
)
def test_the_candidate_that_is_next(sent: int, state: str, kind: str, candidate: int) -> None:
    assert next_candidate(attempt(sent, state, kind), REQUESTS) == candidate


@given(
    sent=st.integers(0, 2),
    state=st.sampled_from(["sending", "accepted", "expired"]),
    failed=st.sampled_from(["transient", "all", "none"]),
)
def test_nothing_is_sent_beside_an_attempt_that_may_be_paid(
    sent: int, state: str, failed: str
) -> None:
    settings = RunSettings(retries=RetrySettings.model_validate({"failed_shots": failed}))
    step, candidate = next_purchase(attempt(sent, state), REQUESTS, settings)
    assert (isinstance(step, Submit), candidate) == (False, sent)


def test_a_candidate_given_twice_is_tried_once() -> None:
    names = ["kling-v3", "sora-2-vip", "kling-v3", "seedance-2"]
    variant = Variant(model="sora-2-vip", fallbacks=[Fallback(model=name) for name in names])
    others = fallback_requests(Scene(prompt="A dog"), variant)
    assert [other.model for other in others] == ["kling-v3", "seedance-2"]
