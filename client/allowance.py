"""What an account may do in a while, and how much of it this process may use."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from aiolimiter import AsyncLimiter

from prefect_toapis.client.pressure import CircuitBreaker

AccountGroup = Literal["default", "vip", "svip"]

BURST_SECONDS = 10.0  # [D]: each bucket holds ten seconds' worth
_NEARLY_EMPTY = 0.2  # of a bucket: from here on somebody else uses it too
_IN_RESERVE = 0.1  # of a bucket: requests may arrive closer together than they were sent
_AT_ONCE = BURST_SECONDS * (1 - _IN_RESERVE)


@dataclass(frozen=True)
class Allowance:
    """What an account may do in ten seconds ([D], the table of rate limits)."""

    submissions: float
    queries: float

    def shared(self, share: float) -> "Allowance":
        """The part of it that one of several processes may use.

        Args:
            share: Above 0, 1 at most.

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
    """The rate limits that one caller asks a process to keep to; by default it asks for nothing.

    Args:
        group: The account's group, whose limits apply; None: not named.
        share: The part of the limits that this process may use: above 0, 1 at most.
    """

    group: AccountGroup | None = None
    share: float = 1.0


def strictest(requests: Iterable[LimitRequest]) -> Allowance:
    """The allowance that satisfies every request: the smallest group named, the smallest share.

    | requests | group | share |
    |---|---|---|
    | none, or nothing asked for | default | 1 |
    | vip; nothing | vip | 1 |
    | vip; default | default | 1 |
    | share 0.5; share 0.2 | default | 0.2 |
    | vip; share 0.5 | vip | 0.5 |
    | vip, share 0.2; svip, share 0.5 | vip | 0.2 |

    Args:
        requests: Of everybody who uses the account in this process now.

    Example:
        >>> strictest([LimitRequest(share=0.5), LimitRequest()])
        Allowance(submissions=25.0, queries=250.0)
    """
    asked = list(requests)
    named = [ALLOWANCES[one.group] for one in asked if one.group]
    of_group = min(named, key=lambda one: one.submissions, default=ALLOWANCES["default"])
    return of_group.shared(min((one.share for one in asked), default=1.0))


def usable(per_second: float, remaining: float, capacity: float) -> float:
    """The rate at which to use a bucket that others may use too.

    Where this process alone uses it, the provider tells of as much as is left. Where less is left,
    it uses less: several that do so come to share what there is.

    Args:
        per_second: What may be used at most.
        remaining: What the provider says is left (`X-RateLimit-Remaining`).
        capacity: What is left when nobody uses it.

    Example:
        >>> usable(50, remaining=400, capacity=500), usable(50, remaining=25, capacity=500)
        (50.0, 12.5)
    """
    full_enough = max(_NEARLY_EMPTY * capacity, 1.0)
    return per_second * min(max(remaining, 1.0) / full_enough, 1.0)


class Bucket:
    """One of an account's two buckets, as far as this process may empty it.

    It belongs to one event loop.

    Args:
        in_ten_seconds: How many requests; nearly as many may come at once.
        breaker: Paused while the account pushes back.
    """

    def __init__(self, in_ten_seconds: float, breaker: CircuitBreaker) -> None:
        # It holds seconds, of which a request takes as many as its rate says: so what was used
        # already counts after `set_limit` too.
        self._limiter = AsyncLimiter(_AT_ONCE, _AT_ONCE)
        self._owed = 0.0  # seconds that a request took beyond what there is at once
        self._breaker = breaker
        self._remaining = math.inf  # until the provider says
        self.set_limit(in_ten_seconds)

    def set_limit(self, in_ten_seconds: float) -> None:
        """Use it to another extent from now on. May be called in any thread."""
        self._rate = in_ten_seconds / BURST_SECONDS
        self._capacity = max(in_ten_seconds, 1.0)

    async def acquire(self) -> None:
        """Wait until there is room for one request, and nobody is pushing back."""
        await self._breaker.pause()
        while self._owed > 0:
            part = min(self._owed, _AT_ONCE)
            self._owed -= part
            await self._limiter.acquire(part)
        needed = 1 / self._rate
        taken = min(needed, _AT_ONCE)
        self._owed += needed - taken
        await self._limiter.acquire(taken)

    @property
    def per_second(self) -> float:
        """How many requests a second are bearable for now."""
        return usable(self._rate, self._remaining, self._capacity)

    async def observe_remaining(self, remaining: float) -> None:
        """Use no more at once than the provider says is left."""
        self._remaining = remaining
        one = min(1 / self._rate, _AT_ONCE)
        while self._limiter.has_capacity(one * (max(remaining, 0.0) + 1)):
            await self._limiter.acquire(one)  # there is room, so it doesn't wait
