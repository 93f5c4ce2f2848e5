"""What was bought, by day, model and batch, from attempts in the bucket. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timezone
from typing import Any, NamedTuple

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.planning.pricing import Price, Unpriced, creation_credits, generation_credits
from prefect_toapis.records.attempts import Attempt
from prefect_toapis.records.layout import CHARACTERS
from prefect_toapis.records.paid_attempts import is_unreadable

_REASONS_KEPT = 10
_DECIMALS = 6  # of a credit
_NO_MODEL = "unknown"  # records of earlier releases may lack the request


class Of(NamedTuple):
    """What a sum is of.

    Args:
        day: When it was sent, in UTC, as `2026-11-27`.
        model: The requested model.
        batch: The batch, `characters` or `requests`.
    """

    day: str
    model: str
    batch: str


@dataclass
class Sum:
    """What was bought.

    Args:
        bought: Generations and characters that were accepted.
        credits: What they cost, without the unpriced.
        unpriced: How many of them have no price.
        unconfirmed: Further submissions, of which it isn't known whether they were accepted.
    """

    bought: int = 0
    credits: float = 0
    unpriced: int = 0
    unconfirmed: int = 0

    def add(self, other: "Sum") -> None:
        """Add another sum."""
        self.bought += other.bought
        self.credits = round(self.credits + other.credits, _DECIMALS)
        self.unpriced += other.unpriced
        self.unconfirmed += other.unconfirmed

    def as_json(self) -> dict[str, Any]:
        """Return it with its fields' names; no credits if nothing that was bought has a price."""
        known = self.unpriced < self.bought or not self.bought
        return {**vars(self), "credits": self.credits if known else None}


@dataclass
class SpendReport:
    """What was bought, by the user's prices.

    Args:
        prices: In use now.
        catalogue: Provides defaults, and which fields take files.
        sums: By day, model and batch.
        unreadable: How many records can't be read.
        reasons: Why there are purchases without a price, and unreadable records; the first ones.
    """

    prices: Sequence[Price]
    catalogue: Catalogue
    sums: dict[Of, Sum] = field(default_factory=dict)
    unreadable: int = 0
    reasons: dict[str, None] = field(default_factory=dict)

    def add(self, batch: str, attempt: Attempt) -> None:
        """Add an attempt that was paid, or may be.

        Args:
            batch: The folder of its batch, `characters` or `requests`.
            attempt: From `paid_attempts`.
        """
        if is_unreadable(attempt):
            self.unreadable += 1
            self._keep(attempt.failure or "")
            return
        day = f"{attempt.sent_at.astimezone(timezone.utc):%Y-%m-%d}"
        of = Of(day, attempt.request.get("model", _NO_MODEL), batch)
        self.sums.setdefault(of, Sum()).add(self._sum(batch, attempt))

    @property
    def total(self) -> Sum:
        """Everything."""
        total = Sum()
        for each in self.sums.values():
            total.add(each)
        return total

    def by(self, key: Callable[[Of], str]) -> dict[str, Sum]:
        """Return the sums by a part of what they are of, in alphabetical order."""
        found: dict[str, Sum] = {}
        for of in sorted(self.sums, key=key):
            found.setdefault(key(of), Sum()).add(self.sums[of])
        return found

    def as_json(self) -> dict[str, Any]:
        """Return the total, and a row for each day, model and batch."""
        rows = [{**of._asdict(), **self.sums[of].as_json()} for of in sorted(self.sums)]
        return {
            "total": {**self.total.as_json(), "unreadable": self.unreadable},
            "rows": rows,
            "notes": [*self.reasons],
        }

    def _sum(self, batch: str, attempt: Attempt) -> Sum:
        if attempt.state == "sending":
            return Sum(unconfirmed=1)
        if batch == CHARACTERS:
            price = creation_credits(attempt.request, self.prices)
        else:
            price = generation_credits(attempt.sent, self.prices, self.catalogue)
        if isinstance(price, Unpriced):
            self._keep(price.reason)
            return Sum(bought=1, unpriced=1)
        return Sum(bought=1, credits=price)

    def _keep(self, reason: str) -> None:
        if len(self.reasons) < _REASONS_KEPT:
            self.reasons.setdefault(reason)
