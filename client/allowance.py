"""The rate limits of an account, and the share of them that this process may use."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from aiolimiter import AsyncLimiter

from prefect_toapis.client.circuit_breaker import CircuitBreaker

AccountGroup = Literal["default", "vip", "svip"]

BURST_SECONDS = 10.0  # [D]: each bucket holds ten seconds' worth
_LOW_FRACTION = 0.2  # of a bucket: below it, another process is assumed to use the account
_RESERVED_FRACTION = 0.1  # of a bucket: requests may arrive closer together than they were sent
_MAX_BURST = BURST_SECONDS * (1 - _RESERVED_FRACTION)


@dataclass(frozen=True)
class Allowance:
    """The requests that an account may make in ten seconds ([D], the table of rate limits)."""

    submissions: float
    queries: float

    def shared(self, share: float) -> "Allowance":
        """The part of it for one of several processes.

        Args:
            share: A fraction above 0, at most 1.

        Example:
            >>> Allowance(submissions=50, queries=500).shared(0.5)
            Allowance(submissions=25.0, queries=250.0)
        """
        return Allowance(self.submissions * share, self.queries * share)


ALLOWANCES: dict[AccountGroup, Allowance] = {
    "default": Allowance(submissions=50, queries=500),
    "vip": Allowance(submissions=166, queries=1666),
    "svip": Allowance(submissions=333, queries=5000),
}


@dataclass(frozen=True)
class LimitRequest:
    """The rate limits that a caller requests for the process; by default none.

    Args:
        group: The account's group, whose limits apply; None: not specified.
        share: The fraction of the limits that this process may use: above 0, at most 1.
    """

    group: AccountGroup | None = None
    share: float = 1.0


def strictest(requests: Iterable[LimitRequest]) -> Allowance:
    """The allowance that satisfies every request: the smallest group, the smallest share.

    | requests | group | share |
    |---|---|---|
    | none, or an empty request | default | 1 |
    | vip; empty | vip | 1 |
    | vip; default | default | 1 |
    | share 0.5; share 0.2 | default | 0.2 |
    | vip; share 0.5 | vip | 0.5 |
    | vip, share 0.2; svip, share 0.5 | vip | 0.2 |

    Args:
        requests: Of all current callers of the account in this process.

    Example:
        >>> strictest([LimitRequest(share=0.5), LimitRequest()])
        Allowance(submissions=25.0, queries=250.0)
    """
    active = list(requests)
    groups = [ALLOWANCES[request.group] for request in active if request.group]
    of_group = min(groups, key=lambda group: group.submissions, default=ALLOWANCES["default"])
    return of_group.shared(min((request.share for request in active), default=1.0))


def usable(per_second: float, remaining: float, capacity: float) -> float:
    """The rate at which to use a bucket that other processes may use, too.

    The less the provider reports as remaining, the lower the rate, so that several processes come
    to share the account.

    Args:
        per_second: The maximum rate, in requests a second.
        remaining: Requests that the provider reports as remaining (`X-RateLimit-Remaining`).
        capacity: Requests in a full bucket.

    Example:
        >>> usable(50, remaining=400, capacity=500), usable(50, remaining=25, capacity=500)
        (50.0, 12.5)
    """
    low = max(_LOW_FRACTION * capacity, 1.0)
    return per_second * min(max(remaining, 1.0) / low, 1.0)


class Bucket:
    """One of an account's two rate-limit buckets. Bound to a single event loop.

    Args:
        in_ten_seconds: Requests allowed in ten seconds; most of them may be made in a burst.
        breaker: The circuit breaker whose pauses apply to this bucket.
    """

    def __init__(self, in_ten_seconds: float, breaker: CircuitBreaker) -> None:
        # The limiter counts seconds, of which a request takes 1 / rate: thus requests already made
        # still count after `set_limit`.
        self._limiter = AsyncLimiter(_MAX_BURST, _MAX_BURST)
        self._owed = 0.0  # seconds that a request took beyond the burst
        self._breaker = breaker
        self._remaining = math.inf  # until the provider reports it
        self.set_limit(in_ten_seconds)

    def set_limit(self, in_ten_seconds: float) -> None:
        """Change the rate limit. May be called in any thread."""
        self._rate = in_ten_seconds / BURST_SECONDS
        self._capacity = max(in_ten_seconds, 1.0)

    async def acquire(self) -> None:
        """Wait until the rate limit and the circuit breaker allow a request."""
        await self._breaker.pause()
        while self._owed > 0:
            part = min(self._owed, _MAX_BURST)
            self._owed -= part
            await self._limiter.acquire(part)
        needed = 1 / self._rate
        taken = min(needed, _MAX_BURST)
        self._owed += needed - taken
        await self._limiter.acquire(taken)

    @property
    def per_second(self) -> float:
        """The requests a second that are allowed at present."""
        return usable(self._rate, self._remaining, self._capacity)

    async def observe_remaining(self, remaining: float) -> None:
        """Limit the next burst to the requests that the provider reports as remaining."""
        self._remaining = remaining
        per_request = min(1 / self._rate, _MAX_BURST)
        while self._limiter.has_capacity(per_request * (max(remaining, 0.0) + 1)):
            await self._limiter.acquire(per_request)  # there is capacity, so it doesn't wait
