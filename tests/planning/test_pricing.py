"""What a batch costs by its user's prices, and when its limits forbid it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from prefect_toapis.client.account_replies import Balance
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.requests import CharacterRequest, RemixRequest, VideoRequest
from prefect_toapis.planning.pricing import (
    Cost,
    Price,
    Unpriced,
    budget_faults,
    cost_of,
    creation_credits,
    generation_credits,
    price_of,
)

CATALOGUE = Catalogue.extended(
    "models: {wan-9: {fields: {prompt: {}}, defaults: {duration: five}, open: true}}"
)
VIDEO = Price(model="sora-2", credits=40)
SECOND = Price(model="sora-2", credits=4, per="second")


def table(*prices: dict[str, Any]) -> list[Price]:
    return [Price.model_validate(price) for price in prices]


# The price of one submission


@pytest.mark.parametrize(
    ("price", "fields", "costs"),
    [
        ({"credits": 40}, {}, 40),
        ({"credits": 40}, {"duration": 15}, 40),
        ({"credits": 40}, {"duration": 15, "n": 3}, 120),
        ({"credits": 40, "times_n": False}, {"n": 3}, 40),
        ({"credits": 4, "per": "second"}, {"duration": 15}, 60),
        ({"credits": 4, "per": "second"}, {"duration": 15, "n": 2}, 120),
        ({"credits": 4, "per": "second", "times_n": False}, {"duration": 15, "n": 2}, 60),
        ({"credits": 0}, {"n": 4}, 0),
        ({"credits": 0.5}, {}, 0.5),
        ({"credits": 40}, {"n": -2}, 40),  # a fault of its own, and no discount
    ],
)
def test_a_video_costs_by_the_video_or_by_the_second_times_n(
    price: dict[str, Any], fields: dict[str, Any], costs: float
) -> None:
    request = VideoRequest(prompt="A dog", **fields)
    assert price_of(request, table({"model": "sora-2", **price}), CATALOGUE) == costs


def test_a_remix_costs_what_one_video_of_its_model_does() -> None:
    remix = RemixRequest(task_id="video_1", prompt="At night", duration=10)
    assert price_of(remix, [VIDEO], CATALOGUE) == 40
    assert price_of(remix, [SECOND], CATALOGUE) == 40


def test_a_character_costs_its_own_price() -> None:
    character = CharacterRequest(from_task="video_1", timestamps="1,3")
    prices = table({"model": "sora-2", "credits": 40, "character_credits": 10})
    assert price_of(character, prices, CATALOGUE) == 10
    free = table({"model": "sora-2", "credits": 40, "character_credits": 0})
    assert price_of(character, free, CATALOGUE) == 0


@pytest.mark.parametrize(
    ("model", "costs"),
    [("sora-2", 1), ("sora-2-pro", 3), ("sora-2-pro-max", 3), ("sora-2-vip", 2), ("kling-v3", 4)],
)
def test_a_name_counts_before_a_pattern_and_the_longest_pattern_before_others(
    model: str, costs: float
) -> None:
    names = {"*": 4, "sora-2-p*": 3, "sora-2*": 2, "sora-2": 1}
    prices = [Price(model=name, credits=each) for name, each in names.items()]
    for given_in in (prices, prices[::-1]):
        assert generation_credits({"model": model}, given_in, CATALOGUE) == costs


def test_a_model_without_a_duration_takes_the_one_of_the_catalogue() -> None:
    prices = table({"model": "*", "credits": 2, "per": "second"})
    official = VideoRequest(prompt="A dog", model="sora-2-official")
    assert price_of(official, prices, CATALOGUE) == 2 * 4
    longer = official.model_copy(update={"duration": 12})
    assert price_of(longer, prices, CATALOGUE) == 2 * 12


NO_PRICE = "sora-2-vip: settings.purchases.prices has no price for it, nor has TOAPIS_PRICES"
NO_DURATION = ": its price is per second; set a duration on the variant"
AUTOMATIC = (
    "seedance-2: its price is per second, and its duration automatic; set a duration on the variant"
)
NO_CHARACTER = (
    "sora-2: settings.purchases.prices has no character_credits for it, nor has TOAPIS_PRICES"
)
TWICE = "sora-2: the prices sora-2 and sora-2 both fit; leave one"
CHARACTER = CharacterRequest(from_task="video_1", timestamps="1,3")
ANY_SECOND = Price(model="*", credits=4, per="second")


@pytest.mark.parametrize(
    ("request_", "prices", "reason"),
    [
        (VideoRequest(prompt="A dog", model="sora-2-vip"), [VIDEO], NO_PRICE),
        (VideoRequest(prompt="A dog", model="sora-2-vip"), [], NO_PRICE),
        (VideoRequest(prompt="A dog"), [SECOND], f"sora-2{NO_DURATION}"),
        (VideoRequest(prompt="A dog", duration=-5), [SECOND], f"sora-2{NO_DURATION}"),
        (VideoRequest(prompt="A dog", model="seedance-2"), [ANY_SECOND], AUTOMATIC),
        (VideoRequest(prompt="A dog", model="new"), [ANY_SECOND], f"new{NO_DURATION}"),
        (VideoRequest(prompt="A dog", model="wan-9"), [ANY_SECOND], f"wan-9{NO_DURATION}"),
        (RemixRequest(task_id="video_1", prompt="Snow"), [SECOND], f"sora-2{NO_DURATION}"),
        (CHARACTER, [VIDEO], NO_CHARACTER),
        (CHARACTER, [], NO_CHARACTER),
        (VideoRequest(prompt="A dog"), [VIDEO, SECOND], TWICE),
        (CHARACTER, [VIDEO, VIDEO], TWICE),
    ],
)
def test_what_has_no_price_says_what_to_add(
    request_: VideoRequest | RemixRequest | CharacterRequest, prices: list[Price], reason: str
) -> None:
    assert price_of(request_, prices, CATALOGUE) == Unpriced(reason)


def test_a_pattern_that_is_given_twice_troubles_only_the_models_it_decides() -> None:
    prices = table(*[{"model": "sora-*", "credits": each} for each in (1, 2)])
    assert generation_credits({"model": "sora-3"}, prices, CATALOGUE) == Unpriced(
        "sora-3: the prices sora-* and sora-* both fit; leave one"
    )
    assert generation_credits({"model": "sora-2"}, [*prices, VIDEO], CATALOGUE) == 40


amounts = st.integers(0, 10**6).map(lambda cents: cents / 100)
prices_of_sora = st.builds(
    Price,
    model=st.sampled_from(["sora-2", "sora-2*"]),
    credits=amounts,
    per=st.sampled_from(["video", "second"]),
    times_n=st.booleans(),
    character_credits=amounts,
)


def credits_of(price: Price, **fields: Any) -> float:
    priced = price_of(VideoRequest(prompt="A dog", **fields), [price], CATALOGUE)
    assert not isinstance(priced, Unpriced)
    return priced


@given(prices_of_sora, st.integers(1, 4), st.integers(1, 60))
def test_more_videos_and_longer_ones_never_cost_less(price: Price, n: int, duration: int) -> None:
    costs = credits_of(price, n=n, duration=duration)
    more = credits_of(price, n=n + 1, duration=duration)
    longer = credits_of(price, n=n, duration=duration + 1)
    assert (more > costs) == (price.times_n and price.credits > 0)
    assert (longer > costs) == (price.per == "second" and price.credits > 0)
    assert min(more, longer) >= costs


json = st.sampled_from(
    [None, 0, -1, 7, 2.5, 1e300, 10**400, True, "", "2", "sora-2-pro", [3], {"n": 3}]
)


@given(
    prices_of_sora,
    st.dictionaries(st.sampled_from(["n", "duration", "model", "x", "metadata"]), json),
)
def test_fields_of_any_kind_have_a_price_or_a_reason(price: Price, extra: dict[str, Any]) -> None:
    request = VideoRequest(prompt="A dog", duration=10, n=2, extra=extra)
    priced = price_of(request, [price], CATALOGUE)
    if isinstance(priced, Unpriced):
        assert extra.keys() & {"n", "duration", "metadata"}
    else:
        assert 0 <= priced < float("inf")


@given(prices_of_sora, st.integers(1, 4), st.integers(1, 60))
def test_a_record_of_what_was_sent_costs_what_the_request_did(
    price: Price, n: int, duration: int
) -> None:
    video = VideoRequest(prompt="A dog", n=n, duration=duration)
    sent = generation_credits(video.given(), [price], CATALOGUE)
    assert sent == price_of(video, [price], CATALOGUE)
    made = creation_credits(CHARACTER.given(), [price])
    assert made == price_of(CHARACTER, [price], CATALOGUE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"credits": -1},
        {"credits": float("inf")},
        {"credits": float("nan")},
        {"character_credits": -1},
        {"character_credits": float("inf")},
        {"model": ""},
        {"per": "minute"},
        {"credit": 40},
    ],
)
def test_a_price_that_can_t_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Price.model_validate({"model": "sora-2", "credits": 40, **wrong})


# The cost of a batch


def test_a_cost_sums_what_is_priced_and_tells_each_reason_once() -> None:
    cost = cost_of([40.0, Unpriced("b")], [10.0, Unpriced("a"), 10.0, Unpriced("b")])
    assert cost == Cost(spent=40, to_pay=20, unpriced=("b", "a"))
    assert cost.total == 60
    assert cost_of([], []) == Cost()


def test_tenths_of_a_credit_add_up_as_people_reckon() -> None:
    cost = cost_of([0.1] * 3, [0.1] * 7)
    assert (cost.spent, cost.to_pay, cost.total) == (0.3, 0.7, 1)
    assert cost_of([0.1], [0.2]).total == 0.3
    assert budget_faults(cost_of([0.1], [0.2]), 0.3, None, None) == []


priced = st.lists(amounts | st.sampled_from([Unpriced("a"), Unpriced("b")]), max_size=20)


@given(priced, priced, st.integers(0, 20))
def test_splitting_a_batch_never_changes_the_sum(
    before: list[float | Unpriced], now: list[float | Unpriced], at: int
) -> None:
    whole = cost_of(before, now)
    one, other = cost_of(before, now[:at]), cost_of([], now[at:])
    assert one.spent == whole.spent
    assert one.to_pay + other.to_pay == pytest.approx(whole.to_pay)
    assert {*one.unpriced, *other.unpriced} == set(whole.unpriced)
    continued = cost_of([*before, *now[:at]], now[at:])
    assert continued.total == pytest.approx(whole.total)


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (Cost(320, 160), "160 credits ($0.80), 320 spent before"),
        (Cost(0, 160), "160 credits ($0.80)"),
        (Cost(0, 1_234_567.5), "1,234,567.5 credits ($6,172.84)"),
        (Cost(2_000, 1_000), "1,000 credits ($5.00), 2,000 spent before"),
        (Cost(0.25, 0.1), "0.1 credits, 0.25 spent before"),
        (Cost(320, 0), "0 credits, 320 spent before"),
        (Cost(), "0 credits"),
        (Cost(0, 160, ("a",)), "at least 160 credits ($0.80)"),
        (Cost(320, 160, ("a",)), "at least 160 credits ($0.80), at least 320 spent before"),
        (Cost(0, 0, ("a",)), "an unknown number of credits"),
        (Cost(320, 0, ("a",)), "an unknown number of credits, at least 320 spent before"),
    ],
)
def test_a_cost_is_told_in_words(cost: Cost, words: str) -> None:
    assert cost.in_words == words


# Its limits


def having(remaining: float | None) -> Balance:
    return Balance(remaining, None, None, unlimited=False, credits_per_usd=200)


UNLIMITED = Balance(None, None, None, unlimited=True, credits_per_usd=200)
KEEP = "settings.purchases.min_remaining_credits"
NOT_KNOWN = f"{KEEP}=100: what the account has isn't known; leave it empty to go on"
OVER = (
    "budget_credits=500: 200 credits were spent before and this run would spend 400, "
    "600 in total; raise it, or plan less"
)
OVER_AT_ONCE = "budget_credits=399.5: this run would spend 400 credits; raise it, or plan less"
BELOW = (
    f"{KEEP}=100: the account has 450 credits, this run would spend 400 and leave 50; "
    "top it up, or plan less"
)
NOTHING_LEFT = (
    f"{KEEP}=0.5: the account has 400 credits, this run would spend 400 and leave 0; "
    "top it up, or plan less"
)
BELOW_ALREADY = (
    f"{KEEP}=100: the account has 50 credits, this run would spend 0 and leave 50; "
    "top it up, or plan less"
)
SHORT = f"{KEEP}=0: the account has 399 credits, this run would spend 400; top it up, or plan less"


@pytest.mark.parametrize(
    ("cost", "budget", "keep", "balance", "faults"),
    [
        # no limit
        (Cost(200, 400, ("a",)), None, None, None, []),
        (Cost(200, 400, ("a",)), None, None, having(0), []),
        # a budget, of all runs together
        (Cost(200, 400), 600, None, None, []),
        (Cost(200, 400), 500, None, None, [OVER]),
        (Cost(0, 400), 399.5, None, having(1_000), [OVER_AT_ONCE]),
        (Cost(0, 0), 0, None, None, []),
        (Cost(200, 400, ("a", "b")), 600, None, None, ["a", "b"]),
        (Cost(200, 400, ("a",)), 500, None, None, ["a", OVER]),
        # a floor under the balance
        (Cost(200, 400), None, 100, having(500), []),
        (Cost(200, 400), None, 100, having(450), [BELOW]),
        (Cost(200, 400), None, 0, having(400), []),
        (Cost(200, 400), None, 0.5, having(400), [NOTHING_LEFT]),
        (Cost(200, 400), None, 0, having(399), [SHORT]),
        (Cost(0, 0.2), None, 0.1, having(0.3), []),  # 0.3 - 0.2 is a little less than 0.1
        (Cost(200, 400), None, 100, having(None), [NOT_KNOWN]),
        (Cost(200, 400), None, 100, None, [NOT_KNOWN]),
        (Cost(200, 400), None, 100, UNLIMITED, []),
        (Cost(200, 400, ("a",)), None, 100, UNLIMITED, []),
        (Cost(200, 400, ("a",)), None, 100, having(1_000), ["a"]),
        (Cost(200, 400, ("a",)), None, 100, having(450), ["a", BELOW]),
        # nothing to pay
        (Cost(200, 0), None, 100, having(50), []),
        (Cost(200, 0), None, 100, having(None), []),
        (Cost(200, 0), None, 100, None, []),
        (Cost(200, 0, ("a",)), None, 100, having(1_000), ["a"]),
        (Cost(200, 0, ("a",)), None, 100, having(50), ["a", BELOW_ALREADY]),
        # both
        (Cost(200, 400, ("a", "b")), 500, 100, having(450), ["a", "b", OVER, BELOW]),
        (Cost(200, 400), 600, 50, having(450), []),
    ],
)
def test_a_batch_is_bought_within_its_limits_alone(
    cost: Cost,
    budget: float | None,
    keep: float | None,
    balance: Balance | None,
    faults: list[str],
) -> None:
    assert budget_faults(cost, budget, keep, balance) == faults


def test_large_amounts_are_separated_but_a_setting_is_shown_as_it_is_written() -> None:
    (over,) = budget_faults(Cost(0, 1_500_000), 1_250_000, None, None)
    assert over.startswith("budget_credits=1250000: this run would spend 1,500,000 credits; ")


@given(amounts, amounts, amounts)
def test_a_budget_allows_what_it_covers_and_nothing_more(
    spent: float, to_pay: float, budget: float
) -> None:
    cost = cost_of([spent], [to_pay])
    cents = round(spent * 100) + round(to_pay * 100)
    too_much = round(budget * 100) < cents
    # A run that buys nothing only collects what was paid before.
    assert bool(budget_faults(cost, budget, None, None)) == (too_much and round(to_pay * 100) > 0)
