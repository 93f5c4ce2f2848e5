"""A file of prices of one's own: how it is read, what is wrong with it, and what precedes it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import InvalidPrices
from prefect_toapis.planning.price_files import prices_in_use, read_prices
from prefect_toapis.planning.pricing import Price, Unpriced, generation_credits

EXAMPLE = Path(__file__).parents[2] / "examples" / "prices.yaml"
PRO = {"model": "kling-v3", "when": {"mode": "pro"}, "credits": 30, "per": "second"}
BASE = {"model": "kling-v3", "credits": 20, "per": "second"}


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that TOAPIS_PRICES names, not written yet."""
    path = tmp_path / "prices.yaml"
    monkeypatch.setenv("TOAPIS_PRICES", f" {path} ")
    return path


AS_LIST = """
- {model: kling-v3, when: {mode: pro}, credits: 30, per: second}
- {model: kling-v3, credits: 20, per: second}
"""
WITH_ALIAS = """
prices:
- &base {model: kling-v3, credits: 20, per: second}
- {<<: *base, when: {mode: pro}, credits: 30}
"""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (json.dumps({"prices": [PRO, BASE]}), "prices.json"),
        (json.dumps([PRO, BASE]), "PRICES.JSON"),
        (AS_LIST, "prices.yaml"),
        (WITH_ALIAS, "prices.yml"),
    ],
)
def test_a_file_has_prices_as_yaml_or_json_with_or_without_their_heading(
    text: str, name: str
) -> None:
    found = sorted(read_prices(text, name), key=lambda price: price.credits)
    assert found == [Price.model_validate(BASE), Price.model_validate(PRO)]


def test_a_ratio_is_read_as_text() -> None:
    (price,) = read_prices("[{model: a, credits: 1, when: {aspect_ratio: 16:9}}]", "prices.yaml")
    assert price.when == {"aspect_ratio": "16:9"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prices: [", ", line 1, column 10: "),
        ("prices: []\nprices: []", ", line 2: 'prices' is given twice, first in line 1"),
        ("", ": expected prices: with a list"),
        ("3", ": expected prices: with a list"),
        ("{}", ": prices: Field required"),
        ("{price: []}", ": prices: Field required; price: Extra inputs"),
        ("[{model: a}]", ": prices[0].credits: Field required"),
        ("[{model: a, credits: 1}, {model: a, credits: -1}]", ": prices[1].credits: Input should"),
        ("[{model: a, credits: .inf}]", "not JSON compliant"),
        ("[{model: a, credits: yes}]", ": prices[0].credits: Value error, give a number"),
        ("[{model: a, credits: 1, per: minute}]", ": prices[0].per: Input should be"),
        ("[{model: a, credits: 1, when: {input: x}}]", ": prices[0].when: Value error, input: ch"),
        ("[{model: a, credits: 1, when: {x: {}}}]", ": prices[0].when: Value error, x: give a te"),
        (json.dumps([{}] * 30), "; and 50 more"),
        (json.dumps([PRO] * 10_001), ": prices: List should have at most 10000 items"),
        ("[" * 60, "nested more than 50 deep"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_file_and_place(
    named: Path, text: str, said: str
) -> None:
    named.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidPrices) as raised:
        prices_in_use([])
    assert raised.value.message.startswith(str(named))
    assert said in raised.value.message
    assert "TOAPIS_PRICES" in str(raised.value)
    assert raised.value.money == "not spent"


def test_a_file_that_can_not_be_read_is_a_fault(
    named: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidPrices, match=r"prices\.yaml: there is no such file"):
        prices_in_use([])
    named.write_bytes(b"- {model: \xfc}")
    with pytest.raises(InvalidPrices, match=r"prices\.yaml: it is not UTF-8"):
        prices_in_use([])
    named.write_bytes(b" " * 2_000_001)
    with pytest.raises(InvalidPrices, match="limit"):
        prices_in_use([])
    monkeypatch.setenv("TOAPIS_PRICES", "https://user:secret@prices.example/p.yaml")
    with pytest.raises(InvalidPrices, match="is a URL") as raised:
        prices_in_use([])
    assert "secret" not in str(raised.value)


words = st.sampled_from(["prices", "model", "credits", "when", "- ", ": ", "{", "}", "[", "]", ","])


@given(st.lists(words | st.text(max_size=3), max_size=20).map("".join))
def test_any_text_is_prices_or_an_error_that_says_so(text: str) -> None:
    try:
        found = read_prices(text, "prices.yaml")
    except InvalidPrices as error:
        assert error.message.startswith("prices.yaml")  # noqa: PT017 - or else it has prices
    else:
        assert all(isinstance(price, Price) for price in found)


def test_own_prices_of_a_model_replace_all_that_the_file_has_for_it(named: Path) -> None:
    other, own = Price(model="*", credits=1), Price(model="kling-v3", credits=7)
    named.write_text(json.dumps([PRO, BASE, other.model_dump()]), encoding="utf-8")
    assert prices_in_use([]) == [Price.model_validate(PRO), Price.model_validate(BASE), other]
    assert prices_in_use([own]) == [own, other]
    named.write_text("broken: [", encoding="utf-8")
    assert prices_in_use([own]) == [own, other], "the file is read once"


def test_without_a_file_there_are_own_prices_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    own = [Price(model="*", credits=1)]
    monkeypatch.setenv("TOAPIS_PRICES", " ")
    assert prices_in_use(own) == own
    monkeypatch.delenv("TOAPIS_PRICES")
    assert prices_in_use(own) == own


@pytest.mark.parametrize(
    ("model", "fields", "costs"),
    [
        ("grok-video-1.5", {}, 16),  # 8 seconds at $0.01
        ("grok-video-1.5", {"duration": 15}, 30),
        ("wan2.6-flash", {}, 5 * 14.08),
        ("wan2.6-flash", {"audio": False}, 5 * 7.04),
        ("wan2.6-flash", {"resolution": "720p", "duration": 10}, 10 * 8.45),
        ("wan2.6-flash", {"resolution": "720P", "audio": False, "duration": 10}, 10 * 4.23),
        ("Grok-Video-1.5", {}, 16),
        ("sora-2", {}, None),
    ],
)
def test_the_example_has_the_two_published_prices(
    model: str, fields: dict[str, object], costs: float | None
) -> None:
    prices = read_prices(EXAMPLE.read_text(encoding="utf-8"), EXAMPLE.name)
    priced = generation_credits({"model": model, **fields}, prices, Catalogue.shipped())
    assert isinstance(priced, Unpriced) if costs is None else priced == pytest.approx(costs)
