"""The cost of a batch, from prices that the user provides; no prices are built in.

All amounts are in credits, 200 to the US dollar ([D]).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import ConfigDict, Field, JsonValue, field_validator

from prefect_toapis.client.account_replies import CREDITS_PER_USD, Balance
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.request_fields import Model, not_boolean
from prefect_toapis.client.requests import CharacterRequest, DerivedRequest, Request
from prefect_toapis.client.strict_model import StrictModel
from prefect_toapis.planning.price_conditions import (
    MOST_CONDITIONS,
    REMIX_OF,
    condition_faults,
    facts_in_words,
    facts_of,
    fits,
    in_words,
)

VARIABLE = "TOAPIS_PRICES"  # names a file of prices; see `price_files`
MAX_CREDITS = 1e12  # of a budget
_SHOWN = 60  # characters of a model or of conditions in a message
_MOST = 1e9  # seconds or videos of a request
_AUTOMATIC = (0, -1)  # durations that the model chooses itself ([D])
_DECIMALS = 6  # of a credit: 3 * 0.1 is 0.3, without floating-point noise


class Price(StrictModel):
    """The price of a model, as provided by the user.

    Example:
        ```python
        Price(model="sora-2*", credits=40, character_credits=10)
        Price(model="sora-2-official", credits=20, per="second")
        Price(model="kling-v3", when={"mode": "pro", "audio": True}, credits=30, per="second")
        ```
    """

    model_config = ConfigDict(protected_namespaces=())

    model: Model = Field(
        min_length=1,
        description="A model's name, or a pattern such as sora-2*, in any case. An exact "
        "name takes precedence over patterns, and a longer pattern over a shorter one.",
    )
    when: dict[str, JsonValue] = Field(
        default={},
        max_length=MOST_CONDITIONS,
        description="What a request must be for this price, such as mode: pro, resolution: 1080p "
        "or duration: [5, 10], by the names of the model's fields; a list means any of. A field "
        "that isn't given counts with its default in the catalogue. input is video, image, audio "
        "or text: "
        "what the request refers to. Of several prices that fit, the one with the most conditions "
        "applies. Empty: any request.",
    )
    credits: float = Field(
        ge=0,
        allow_inf_nan=False,
        description="Per video or per second of video, in credits (200 to the US dollar).",
    )
    per: Literal["video", "second"] = Field(
        default="video", description="Whether the price is per video or per second of video."
    )
    times_n: bool = Field(
        default=True, description="Whether a generation of n videos costs n times the price."
    )
    character_credits: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="Price of creating a character, in credits. Empty: unknown.",
    )

    _numbers = field_validator("credits", "character_credits", mode="before")(not_boolean)

    @field_validator("when")
    @classmethod
    def _can_hold(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if faults := list(condition_faults(value)):
            raise ValueError("; ".join(faults))
        return value

    @property
    def in_words(self) -> str:
        """Its model and conditions, as display text.

        Example:
            >>> Price(model="kling-*", when={"mode": "pro"}, credits=30).in_words
            'kling-* when mode=pro'
        """
        when = f" when {printable(in_words(self.when), _SHOWN)}" if self.when else ""
        return f"{printable(self.model, _SHOWN)}{when}"


@dataclass(frozen=True)
class Unpriced:
    """A purchase of unknown price.

    Args:
        reason: The model and the missing setting, in a sentence.
    """

    reason: str


@dataclass(frozen=True)
class Cost:
    """The cost of a batch, as far as prices are known.

    Args:
        spent: On submissions of earlier runs of the batch, in credits.
        to_pay: On submissions of this run, in credits.
        unpriced: Reasons why purchases have no price, each once; the amounts exclude them.
    """

    spent: float = 0
    to_pay: float = 0
    unpriced: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """The cost of all runs together, in credits."""
        return _rounded(self.spent + self.to_pay)

    @property
    def in_words(self) -> str:
        """The cost as display text.

        Example:
            >>> f"4 to buy for {Cost(spent=320, to_pay=160).in_words}"
            '4 to buy for 160 credits ($0.80), 320 spent before'
        """
        if not self.unpriced:
            words = f"{_amount(self.to_pay)} credits"
        elif self.to_pay:
            words = f"at least {_amount(self.to_pay)} credits"
        else:
            words = "an unknown number of credits"
        if (dollars := self.to_pay / CREDITS_PER_USD) >= 0.01:
            words += f" (${dollars:,.2f})"
        if self.spent:
            least = "at least " if self.unpriced else ""
            words += f", {least}{_amount(self.spent)} spent before"
        return words


def price_of(request: Request, prices: Sequence[Price], catalogue: Catalogue) -> float | Unpriced:
    """Return the price of a submission, in credits.

    Args:
        request: For a video, a remix (priced like a video of its model) or a character.
        prices: The user's prices.
        catalogue: Provides default durations.

    Example:
        >>> from prefect_toapis.client.requests import RemixRequest
        >>> night = RemixRequest(task_id="video_7497", prompt="At night")
        >>> price_of(night, [Price(model="sora-2*", credits=40)], Catalogue.shipped())
        40.0
        >>> price_of(night, [], Catalogue.shipped()).reason
        'sora-2: settings.purchases.prices has no price for it, nor has TOAPIS_PRICES'
    """
    if isinstance(request, CharacterRequest):
        return creation_credits(request.given(), prices)
    sent = {**request.given(), "model": request.model}  # `extra` is unchecked
    if isinstance(request, DerivedRequest):
        sent[REMIX_OF] = request.task_id
    return generation_credits(sent, prices, catalogue)


def generation_credits(
    sent: Mapping[str, Any], prices: Sequence[Price], catalogue: Catalogue
) -> float | Unpriced:
    """Return the price of a generation, in credits.

    A price per second is multiplied by the requested duration, even if the video is shorter
    ([A]).

    Args:
        sent: The fields of a video or remix request, from its `given()`; of a remix with
            `remix_of`.
        prices: The user's prices.
        catalogue: Provides defaults, and which fields take files.
    """
    if "model" not in sent:
        return Unpriced("an earlier submission: its record doesn't contain the request")
    facts = facts_of(sent, catalogue)
    model = printable(sent["model"], _SHOWN)
    price = _price_for(facts, "price", prices)
    if isinstance(price, Unpriced):
        return price
    videos = _number(facts["n"]) if price.times_n else 1
    if videos is None:
        return Unpriced(f"{model}: its n is not a number")
    units = _units(facts, price)
    if isinstance(units, str):
        return Unpriced(f"{model}: {units}")
    return price.credits * units * max(videos, 1)


def prices_of_model(model: str, prices: Sequence[Price]) -> list[Price]:
    """Return the prices under the name of a model, or under a pattern that it fits.

    Example:
        >>> prices = [Price(model="sora-2*", credits=40), Price(model="kling-*", credits=30)]
        >>> [price.credits for price in prices_of_model("Sora-2-Pro", prices)]
        [40.0]
    """
    name = model.lower()
    patterns = [(price, price.model.lower()) for price in prices]
    return [price for price, pattern in patterns if pattern == name or fnmatchcase(name, pattern)]


def creation_credits(sent: Mapping[str, Any], prices: Sequence[Price]) -> float | Unpriced:
    """Return the price of creating a character, in credits.

    Args:
        sent: The fields of the request, from `CharacterRequest.given`.
        prices: The user's prices.
    """
    if "model" not in sent:
        return Unpriced("an earlier character: its record doesn't contain the request")
    price = _price_for(sent, "character_credits", prices)
    if isinstance(price, Unpriced):
        return price
    if price.character_credits is None:
        return _missing(sent["model"], "character_credits")
    return price.character_credits


def dearest(prices: Iterable[float | Unpriced]) -> float | Unpriced:
    """Return the highest of the prices of a shot's models; unknown if any of them is.

    Example:
        >>> dearest([40.0, 60.0])
        60.0
    """
    found = list(prices)
    unpriced = next((price for price in found if isinstance(price, Unpriced)), None)
    return unpriced or max(price for price in found if not isinstance(price, Unpriced))


def cost_of(spent: Iterable[float | Unpriced], to_pay: Iterable[float | Unpriced]) -> Cost:
    """Add up the cost of a batch.

    Args:
        spent: The price of each submission recorded by earlier runs.
        to_pay: The price of each submission of this run.

    Example:
        >>> cost_of([40.0], [40.0, 40.0, Unpriced("kling-v3: ...")])
        Cost(spent=40.0, to_pay=80.0, unpriced=('kling-v3: ...',))
    """
    before, now = list(spent), list(to_pay)
    reasons = dict.fromkeys(price.reason for price in before + now if isinstance(price, Unpriced))
    return Cost(_sum(before), _sum(now), tuple(reasons))


def budget_faults(
    cost: Cost,
    budget_credits: float | None,
    min_remaining_credits: float | None,
    balance: Balance | None,
) -> list[str]:
    """Return which spending limits a batch would exceed.

    A run that buys nothing is always allowed: it only collects what was paid before.

    Args:
        cost: Of the batch.
        budget_credits: Maximum spending of all its runs together; None: no limit.
        min_remaining_credits: What the account must have left afterwards; None: no limit.
        balance: What the account has; looked at for `min_remaining_credits` alone. None: not known.

    Example:
        >>> budget_faults(Cost(to_pay=400), 300, min_remaining_credits=None, balance=None)
        ['budget_credits=300: this run would spend 400 credits; raise it, or plan less']
    """
    if not cost.to_pay and not cost.unpriced:
        return []
    faults: list[str] = []
    if budget_credits is not None:
        faults += [*cost.unpriced, *_over_budget(cost, budget_credits)]
    if min_remaining_credits is not None and not (balance and balance.unlimited):
        faults += [*cost.unpriced, *_below_floor(cost, min_remaining_credits, balance)]
    return list(dict.fromkeys(faults))


def _price_for(facts: Mapping[str, Any], what: str, prices: Sequence[Price]) -> Price | Unpriced:
    """Return the most specific price that fits: by its model, then by the number of conditions."""
    model: str = facts["model"]
    name = model.lower()
    named = prices_of_model(model, prices)
    if not named:
        return _missing(model, what)
    fitting = [price for price in named if fits(price.when, facts)]
    if not fitting:
        wanted = list(dict.fromkeys(field for price in named for field in price.when))
        known = printable(facts_in_words(wanted, facts), 2 * _SHOWN)
        return Unpriced(f"{printable(model, _SHOWN)}: none of its prices is for {known}")

    def rank(price: Price) -> tuple[bool, int, int]:
        return price.model.lower() == name, len(price.model), len(price.when)

    first, *others = sorted(fitting, key=rank, reverse=True)
    if others and rank(others[0]) == rank(first):
        both = f"{first.in_words} and {others[0].in_words}"
        return Unpriced(f"{printable(model, _SHOWN)}: the prices {both} both fit; leave one")
    return first


def _missing(model: str, what: str) -> Unpriced:
    where = f"settings.purchases.prices has no {what} for it, nor has {VARIABLE}"
    return Unpriced(f"{printable(model, _SHOWN)}: {where}")


def _units(facts: Mapping[str, Any], price: Price) -> float | str:
    """Return how often a price applies to one video, or why that is unknown."""
    if price.per == "video":
        return 1
    seconds = _number(facts.get("duration"))
    if seconds in _AUTOMATIC:
        return "its price is per second, and its duration automatic; set a duration on the variant"
    if seconds is None or seconds < 0:
        return "its price is per second; set a duration on the variant"
    return seconds


def _number(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and abs(value) <= _MOST else None


def _over_budget(cost: Cost, budget: float) -> list[str]:
    if budget >= cost.total:
        return []
    if cost.spent:
        sums = (
            f"{_amount(cost.spent)} credits were spent before and this run would spend "
            f"{_amount(cost.to_pay)}, {_amount(cost.total)} in total"
        )
    else:
        sums = f"this run would spend {_amount(cost.to_pay)} credits"
    return [f"budget_credits={budget:.15g}: {sums}; raise it, or plan less"]


def _below_floor(cost: Cost, keep: float, balance: Balance | None) -> list[str]:
    limit = f"settings.purchases.min_remaining_credits={keep:.15g}"
    if balance is None or balance.remain_credits is None:
        return [f"{limit}: what the account has isn't known; leave it empty to go on"]
    left = _rounded(balance.remain_credits - cost.to_pay)
    if left >= keep:
        return []
    has, pays = _amount(balance.remain_credits), _amount(cost.to_pay)
    leave = f" and leave {_amount(left)}" if left >= 0 else ""
    sums = f"the account has {has} credits, this run would spend {pays}{leave}"
    return [f"{limit}: {sums}; top it up, or plan less"]


def _sum(amounts: Iterable[float | Unpriced]) -> float:
    return _rounded(sum(amount for amount in amounts if not isinstance(amount, Unpriced)))


def _rounded(amount: float) -> float:
    return round(float(amount), _DECIMALS) + 0.0  # never -0.0


def _amount(amount: float) -> str:
    whole, _, part = f"{_rounded(amount):,.{_DECIMALS}f}".partition(".")
    return f"{whole}.{part.rstrip('0')}".rstrip(".")
