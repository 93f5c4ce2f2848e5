"""Which of a shot's requests is sent next: its own, or one of its fallbacks. Pure."""

from collections.abc import Sequence

from prefect_toapis.client.requests import Request
from prefect_toapis.planning.plan import Shot
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.records.attempts import Attempt, Step, Submit, next_step
from prefect_toapis.records.plan_file import request_of


def candidate_sent(attempt: Attempt, candidates: Sequence[Request]) -> int:
    """Return which of a shot's candidates an attempt sent; 0 if it isn't one of them.

    Args:
        attempt: As recorded.
        candidates: The shot's request, and its fallbacks.
    """
    sent = [request.shown().given() for request in candidates]
    return sent.index(attempt.request) if attempt.request in sent else 0


def made_by(shot: Shot, attempt: Attempt) -> Shot:
    """Return the shot as an attempt sent it: with its own request, or that of a fallback.

    The fallback may have been edited since; the record has what was sent.
    """
    candidates = shot.candidates
    recorded, sent = request_of(attempt), candidates[candidate_sent(attempt, candidates)]
    return shot.with_request(sent if sent.model == recorded.model else recorded)


def next_candidate(latest: Attempt | None, candidates: Sequence[Request]) -> int:
    """Return which of a shot's candidates is sent next, or was sent and isn't settled.

    A fallback follows only a request that was refused, so that it bought nothing, or that the
    provider failed to make, which isn't charged ([D]). After the last, it starts with the first.

    Args:
        latest: Its latest attempt; None if nothing was ever sent.
        candidates: The shot's request, and its fallbacks.
    """
    if latest is None:
        return 0
    sent = candidate_sent(latest, candidates)
    return (sent + 1) % len(candidates) if _has_failed(latest) else sent


def next_purchase(
    latest: Attempt | None, candidates: Sequence[Request], settings: RunSettings
) -> tuple[Step, int]:
    """Return the next step for a shot that isn't stored, and the candidate that it is about.

    Args:
        latest: Its latest attempt; None if nothing was ever sent.
        candidates: The shot's request, and its fallbacks.
        settings: `retries.failed_shots` and `purchases.on_expired`.
    """
    candidate = next_candidate(latest, candidates)
    if latest is not None and _has_failed(latest) and candidate > 0:
        return Submit(latest.attempt + 1), candidate
    step = next_step(latest, settings.retries.failed_shots, settings.purchases.on_expired)
    return step, candidate


def _has_failed(attempt: Attempt) -> bool:
    """Return whether an attempt bought nothing, and not for a reason that passes."""
    return attempt.state == "failed" or (
        attempt.state == "rejected" and attempt.failure_kind != "transient"
    )
