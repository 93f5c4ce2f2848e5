"""The documented rate limits ([D]): token buckets for submissions and for queries."""

import math
from dataclasses import dataclass
from typing import Literal

from prefect_toapis.simulator.settings import AccountGroup

Category = Literal["async_submit", "async_query"]

# Requests per minute and the 10-second burst ([D]).
DOCUMENTED: dict[AccountGroup, dict[Category, tuple[int, int]]] = {
    "default": {"async_submit": (300, 50), "async_query": (3_000, 500)},
    "vip": {"async_submit": (1_000, 167), "async_query": (10_000, 1_667)},
    "svip": {"async_submit": (2_000, 334), "async_query": (30_000, 5_000)},
}


@dataclass(frozen=True)
class Allowance:
    """A bucket's decision about a request.

    Args:
        allowed: Whether the request may go on.
        remaining: Requests that could follow at once.
        full_at: When the bucket is full again, in Unix seconds.
        retry_after: When refused, how long to wait, in whole seconds.
    """

    allowed: bool
    remaining: int
    full_at: float
    retry_after: int


class TokenBucket:
    """Lets `burst` requests through at once and `per_minute` in the long run.

    Args:
        per_minute: The rate at which tokens come back.
        burst: How many there are at most, and at first.

    Example:
        >>> bucket = TokenBucket(per_minute=300, burst=1)
        >>> bucket.take(now=0.0).allowed, bucket.take(now=0.0).allowed, bucket.take(now=0.2).allowed
        (True, False, True)
    """

    def __init__(self, per_minute: float, burst: int) -> None:
        self.burst = burst
        self._rate = per_minute / 60
        self._tokens = float(burst)
        self._at = -math.inf

    def take(self, now: float) -> Allowance:
        """Take a token, if there is any, at a time in seconds; a refusal takes none."""
        if now > self._at:
            refill = (now - self._at) * self._rate
            self._tokens = min(self.burst, self._tokens + refill)
            self._at = now
        # Without the grain of tolerance, floats would refuse the token that is due just now.
        allowed = self._tokens > 1 - 1e-9
        if allowed:
            self._tokens = max(0.0, self._tokens - 1)
        missing = max(0.0, 1 - self._tokens)
        return Allowance(
            allowed=allowed,
            remaining=int(self._tokens),
            full_at=now + (self.burst - self._tokens) / self._rate,
            retry_after=max(1, math.ceil(missing / self._rate)),
        )


class RateLimits:
    """The two buckets of an account.

    Args:
        group: Whose limits; None for none.
    """

    def __init__(self, group: AccountGroup | None) -> None:
        documented = DOCUMENTED[group] if group else {}
        self._buckets = {category: TokenBucket(*limit) for category, limit in documented.items()}

    def take(self, category: Category, now: float) -> tuple[bool, dict[str, str]]:
        """Whether a request may go on at a time in seconds, and the headers of its reply.

        The headers' names are documented; that the limit is the burst, and the reset the Unix
        time at which the bucket is full again, is assumed ([A]).
        """
        bucket = self._buckets.get(category)
        if bucket is None:
            return True, {}
        allowance = bucket.take(now)
        headers = {
            "X-RateLimit-Limit": str(bucket.burst),
            "X-RateLimit-Remaining": str(allowance.remaining),
            "X-RateLimit-Reset": str(math.ceil(allowance.full_at)),
            "X-RateLimit-Category": category,
        }
        if not allowance.allowed:
            headers["Retry-After"] = str(allowance.retry_after)
        return allowance.allowed, headers
