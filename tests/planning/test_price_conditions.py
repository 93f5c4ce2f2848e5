"""Prices that depend on more than the model: mode, audio, resolution, seconds, n and input."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.requests import CharacterRequest, RemixRequest, VideoRequest
from prefect_toapis.planning.pricing import (
    Price,
    Unpriced,
    budget_faults,
    cost_of,
    creation_credits,
    generation_credits,
    price_of,
)

CATALOGUE = Catalogue.extended(
    """
models:
  loud-1:
    fields:
      prompt: {}
      duration: {minimum: -1, maximum: 15}
      resolution: {choices: [720p, 1080p]}
      mode: {choices: [std, pro]}
      audio: {type: boolean}
      image_urls: {format: url, media: image}
      audio_urls: {format: url, media: audio}
      video_list: {type: array, items: {video_url: {format: url, media: video}}}
    remix: {prompt: {}}
    defaults: {duration: 5, mode: std, audio: true, resolution: 720p}
"""
)
URL = "https://media.example/a"


def table(*prices: dict[str, Any]) -> list[Price]:
    return [Price.model_validate({"model": "loud-1", **price}) for price in prices]


def sent(**fields: Any) -> dict[str, Any]:
    return {"model": "loud-1", "prompt": "A dog", **fields}


def priced(prices: list[Price], **fields: Any) -> float | Unpriced:
    return generation_credits(sent(**fields), prices, CATALOGUE)


@pytest.mark.parametrize(
    ("when", "fields", "does"),
    [
        # as given, or by default
        ({"mode": "pro"}, {"mode": "pro"}, True),
        ({"mode": "pro"}, {}, False),
        ({"mode": "std"}, {}, True),
        ({"audio": True}, {}, True),
        ({"audio": False}, {}, False),
        ({"audio": False}, {"audio": False}, True),
        ({"audio": True}, {"audio": None}, True),  # null: not given
        ({"n": 1}, {}, True),
        ({"n": 2}, {"n": 2}, True),
        # what isn't known fits nothing
        ({"seed": 7}, {}, False),
        ({"hd": False}, {}, False),
        # texts in any case, numbers as numbers, never one for the other
        ({"resolution": "1080P"}, {"resolution": "1080p"}, True),
        ({"resolution": "720p"}, {"resolution": "720P"}, True),
        ({"duration": 10}, {"duration": 10.0}, True),
        ({"duration": 10}, {"duration": "10"}, False),
        ({"audio": True}, {"audio": 1}, False),
        ({"duration": 1}, {"duration": True}, False),
        ({"mode": "true"}, {"mode": True}, False),
        ({"mode": "pro"}, {"mode": ["pro"]}, False),
        # any of; and all together
        ({"duration": [5, 10]}, {"duration": 10}, True),
        ({"duration": [5, 10]}, {"duration": 15}, False),
        ({"mode": "pro", "audio": True}, {"mode": "pro"}, True),
        ({"mode": "pro", "audio": True}, {"mode": "pro", "audio": False}, False),
        # inside metadata
        ({"mode": "pro"}, {"metadata": {"mode": "pro"}}, True),
        ({"mode": "pro"}, {"metadata": "pro"}, False),
        # what it refers to
        ({"input": "text"}, {}, True),
        ({"input": "image"}, {"image_urls": [URL]}, True),
        ({"input": "text"}, {"image_urls": []}, True),
        ({"input": "audio"}, {"audio_urls": [URL]}, True),
        ({"input": "image"}, {"audio_urls": [URL], "image_urls": [URL]}, True),
        ({"input": "video"}, {"video_list": [{"video_url": URL}], "image_urls": [URL]}, True),
        ({"input": "video"}, {"video_list": [{"refer_type": "base"}]}, False),
        ({"input": ["image", "video"]}, {"image_urls": [URL]}, True),
        ({"input": "Video"}, {"remix_of": "video_1"}, True),
    ],
)
def test_a_price_applies_when_its_conditions_hold(
    when: dict[str, Any], fields: dict[str, Any], does: bool
) -> None:
    price = priced(table({"credits": 40, "times_n": False, "when": when}), **fields)
    assert price == 40 if does else isinstance(price, Unpriced)


def test_a_model_that_the_catalogue_does_not_have_is_priced_by_what_was_given() -> None:
    prices = [Price(model="new", credits=9, when={"mode": "pro"})]
    assert generation_credits({"model": "new", "mode": "pro"}, prices, CATALOGUE) == 9
    of_text = [Price(model="new", credits=9, when={"input": "text"})]
    unknown = generation_credits({"model": "new"}, of_text, CATALOGUE)
    assert unknown == Unpriced("new: none of its prices is for input unknown")


@pytest.mark.parametrize("name", ["LOUD-1", "Loud-*", "loud-1"])
def test_models_are_named_in_any_case(name: str) -> None:
    prices = [Price(model=name, credits=9), Price(model="*", credits=1)]
    for model in ("loud-1", "Loud-1"):
        assert generation_credits({"model": model}, prices, CATALOGUE) == 9
    renamed = Price(model="gemini_omni_flash", credits=5)  # by another of its names
    request = VideoRequest(prompt="A dog", model="gemini_omni_flash")
    assert price_of(request, [renamed], Catalogue.shipped()) == 5


def test_extra_fields_of_a_request_are_compared_too() -> None:
    prices = table({"credits": 40}, {"credits": 90, "when": {"mode": "pro"}})
    request = VideoRequest(prompt="A dog", model="loud-1", extra={"mode": "pro"})
    assert price_of(request, prices, CATALOGUE) == 90


def test_a_remix_is_a_video_input_and_a_character_has_no_defaults() -> None:
    prices = table(
        {"credits": 40, "character_credits": 10},
        {"credits": 70, "when": {"input": "video"}},
        {"credits": 90, "when": {"mode": "std", "input": "video", "n": 2}},
    )
    remix = RemixRequest(task_id="video_1", model="loud-1", prompt="At night")
    assert price_of(remix, prices, CATALOGUE) == 70
    character = CharacterRequest(model="loud-1", from_task="video_1", timestamps="1,3")
    assert price_of(character, prices, CATALOGUE) == 10
    assert creation_credits({}, prices) == Unpriced(
        "an earlier character: its record doesn't contain the request"
    )


PRECEDENCE: list[dict[str, Any]] = [
    {"model": "*", "credits": 1},
    {"model": "loud-*", "credits": 2, "when": {"mode": "pro", "audio": True, "n": 1}},
    {"credits": 3},
    {"credits": 4, "when": {"mode": "pro"}},
    {"credits": 5, "when": {"mode": "pro", "audio": True}},
]


@pytest.mark.parametrize(
    ("fields", "costs"),
    [({}, 3), ({"mode": "pro", "audio": False}, 4), ({"mode": "pro"}, 5)],
)
def test_the_model_decides_first_and_then_the_number_of_conditions(
    fields: dict[str, Any], costs: float
) -> None:
    for prices in (PRECEDENCE, PRECEDENCE[::-1]):
        assert priced(table(*prices), **fields) == costs
    without_base = table(*[price for price in PRECEDENCE if price["credits"] != 3])
    assert priced(without_base) == 1  # nothing of a closer name fits


BOTH = "loud-1: the prices loud-1 when mode=pro and loud-1 when audio=true"
AUTOMATIC = (
    "loud-1: its price is per second, and its duration automatic; set a duration on the variant"
)


@pytest.mark.parametrize(
    ("prices", "fields", "reason"),
    [
        (
            [{"credits": 1, "when": {"mode": "pro"}}, {"credits": 2, "when": {"seed": 7}}],
            {},
            "loud-1: none of its prices is for mode=std, seed unknown",
        ),
        (
            [{"credits": 1, "when": {"mode": "pro"}}, {"credits": 2, "when": {"audio": True}}],
            {"mode": "pro"},
            f"{BOTH} both fit; leave one",
        ),
        (
            [{"credits": 2, "per": "second"}],
            {"duration": -1},
            AUTOMATIC,
        ),
        ([{"credits": 2}], {"n": "two"}, "loud-1: its n is not a number"),
    ],
)
def test_what_has_no_price_says_why(
    prices: list[dict[str, Any]], fields: dict[str, Any], reason: str
) -> None:
    assert priced(table(*prices), **fields) == Unpriced(reason)


def test_a_reason_is_of_bounded_length() -> None:
    long = {f"{'f' * 190}{number}": "v" * 200 for number in range(20)}
    prices = [Price(model="*", credits=1, when=long) for _ in range(2)]
    for fields in ({}, long):
        unpriced = generation_credits({"model": "m" * 5_000, **fields}, prices, CATALOGUE)
        assert isinstance(unpriced, Unpriced)
        assert len(unpriced.reason) < 300


@pytest.mark.parametrize(
    "when",
    [
        {"mode": None},
        {"mode": {"minimum": 1}},
        {"mode": []},
        {"mode": [["pro"]]},
        {"mode": float("nan")},
        {"mode": "x" * 201},
        {"mode": list(range(101))},
        {"": "pro"},
        {"m" * 201: "pro"},
        {"input": "movie"},
        {"input": True},
        {f"field_{number}": 1 for number in range(21)},
        ["mode"],
    ],
)
def test_a_condition_that_can_not_be_meant_is_refused(when: Any) -> None:
    with pytest.raises(ValidationError):
        Price(model="loud-1", credits=1, when=when)


# A batch of mixed requests costs what a plain calculation says, whatever the order of its prices.

PER_SECOND = {
    ("std", False): 3.0,
    ("std", True): 4.5,
    ("pro", False): 6.0,
    ("pro", True): 9.0,
}
BY_DIMENSION = [
    *table(
        *[
            {"credits": each, "per": "second", "when": {"mode": mode, "audio": audio}}
            for (mode, audio), each in PER_SECOND.items()
        ]
    ),
    *table({"credits": 500, "when": {"mode": "pro", "audio": True, "resolution": "1080p"}}),
    *table(
        {"credits": 50, "times_n": False, "when": {"input": "image", "mode": "std", "n": [3, 4]}}
    ),
    Price(model="plain-*", credits=7),
]


def plainly(request: dict[str, Any]) -> float:
    """The cost by hand, with the defaults of loud-1."""
    if request["model"] != "loud-1":
        return 7.0 * int(request.get("n", 1))
    mode, audio = request.get("mode", "std"), request.get("audio", True)
    seconds: int = request.get("duration", 5)
    n: int = request.get("n", 1)
    if "image_urls" in request and mode == "std" and n >= 3:
        return 50.0
    if mode == "pro" and audio and request.get("resolution", "720p") == "1080p":
        return 500.0 * n
    return PER_SECOND[mode, audio] * seconds * n


requests = st.fixed_dictionaries(
    {"model": st.sampled_from(["loud-1", "loud-1", "plain-9"]), "prompt": st.just("A dog")},
    optional={
        "mode": st.sampled_from(["std", "pro"]),
        "audio": st.booleans(),
        "resolution": st.sampled_from(["720p", "1080p"]),
        "duration": st.integers(1, 15),
        "n": st.integers(1, 4),
        "image_urls": st.just([URL]),
    },
)


@given(
    st.lists(requests, max_size=12),
    st.lists(requests, max_size=12),
    st.permutations(BY_DIMENSION),
    st.integers(0, 10_000),
)
def test_a_mixed_batch_costs_the_sum_of_its_dimensions(
    before: list[dict[str, Any]],
    now: list[dict[str, Any]],
    prices: list[Price],
    budget: int,
) -> None:
    cost = cost_of(
        [generation_credits(request, prices, CATALOGUE) for request in before],
        [generation_credits(request, prices, CATALOGUE) for request in now],
    )
    assert cost.unpriced == ()
    spent, to_pay = sum(map(plainly, before)), sum(map(plainly, now))
    assert cost.spent == pytest.approx(spent)
    assert cost.to_pay == pytest.approx(to_pay)
    too_much = to_pay > 0 and spent + to_pay > budget
    assert bool(budget_faults(cost, budget, None, None)) == too_much
