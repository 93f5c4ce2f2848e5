"""Requests that are generated from the rules of the models."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.model_rules import FieldRule
from prefect_toapis.client.request_rules import check
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.planning.identity import shot_id

SHIPPED = Catalogue.shipped()
CORE = set(VideoRequest.model_fields)
URL = "https://files.example/a"
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=6
)


def number(rule: FieldRule) -> st.SearchStrategy[int]:
    low = int(rule.minimum if rule.minimum is not None else -9)
    return st.integers(low, int(rule.maximum if rule.maximum is not None else low + 99))


def values(rule: FieldRule, name: str = "") -> st.SearchStrategy[Any]:
    """What the rule of a field allows."""
    if rule.choices:
        return st.sampled_from(rule.choices)
    if rule.items:
        required = {key: values(each) for key, each in rule.items.items() if each.required}
        optional = {key: values(each) for key, each in rule.items.items() if not each.required}
        item = st.fixed_dictionaries(required, optional=optional)
        return st.lists(item, min_size=1, max_size=min(rule.max_items or 2, 2))
    if rule.holds_urls or rule.type == "array":
        one = rule.type == "string" or name == "character_url"
        most = min(rule.max_items or 3, 3)
        return st.just(URL) if one else st.lists(st.just(URL), min_size=1, max_size=most)
    if rule.minimum is not None or rule.type == "integer":
        return number(rule)
    if rule.type == "boolean":
        return st.booleans()
    return st.just("1,3" if rule.format == "segment" else "A dog")


@st.composite
def requests_by_rules(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A model with fields that it has, each within its own rule."""
    model = draw(st.sampled_from(SHIPPED.names()))
    rules = SHIPPED.models[model]
    chosen = draw(st.lists(st.sampled_from(sorted(rules.fields)), unique=True, max_size=5))
    chosen += [name for name, rule in rules.fields.items() if rule.required and name not in chosen]
    return model, {name: draw(values(rules.fields[name], name)) for name in chosen}


@given(requests_by_rules())
def test_fields_within_their_rules_break_only_rules_between_fields_and_are_sent_once(
    generated: tuple[str, dict[str, Any]],
) -> None:
    model, fields = generated
    request = VideoRequest.model_validate({"prompt": "A dog", "model": model, **fields})
    rules = SHIPPED.models[model]
    between = ("not ", "give ", "only ", "an end frame")
    for fault in check(request, SHIPPED):
        known = fault.rule.startswith(between) or " items" in fault.rule
        assert known, str(fault)
    body = request.body()
    inside = body.pop("metadata", {})
    for name, value in fields.items():
        at, elsewhere = (inside, body) if rules.fields[name].place == "metadata" else (body, inside)
        assert at[name] == value
        assert name not in elsewhere
    assert {*body, *inside} == {"model", "prompt", *fields}


@given(
    model=st.sampled_from(SHIPPED.names()),
    data=st.data(),
    nested=st.booleans(),
)
def test_any_json_in_a_model_s_own_fields_can_be_checked(
    model: str, data: st.DataObject, nested: bool
) -> None:
    own = sorted(SHIPPED.models[model].fields.keys() - CORE) or ["mode"]
    extra = data.draw(st.dictionaries(st.sampled_from(own), json_values, max_size=4))
    request = VideoRequest.model_validate(
        {"prompt": "A dog", "model": model, "extra": {"metadata": extra} if nested else extra}
    )
    for fault in check(request, SHIPPED):
        assert fault.model == model
        assert str(fault)


def identity(**fields: Any) -> str:
    request = VideoRequest.model_validate({"prompt": "A dog", **fields})
    return shot_id(
        destination="s3://videos", batch="b", request=request, template="A dog", roles={}, take=1
    )


NEUTRAL = {"n": 1, "hd": False, "thumbnail": False, "private": False, "storyboard": False}


@given(st.sampled_from(SHIPPED.names()), st.sets(st.sampled_from(sorted(NEUTRAL))))
def test_a_value_that_holds_anyway_is_not_identity(model: str, names: set[str]) -> None:
    assert identity(model=model, **{name: NEUTRAL[name] for name in names}) == identity(model=model)


@given(st.sampled_from(SHIPPED.names()), st.data())
def test_the_spelling_of_a_model_s_name_is_not_identity(model: str, data: st.DataObject) -> None:
    other = "".join(data.draw(st.sampled_from([char.lower(), char.upper()])) for char in model)
    assert identity(model=other) == identity(model=model)
    for alias in SHIPPED.models[model].aliases:
        assert identity(model=alias) == identity(model=model)


@pytest.mark.parametrize(
    ("model", "same"), [("sora-2", True), ("kling-3.0-turbo", True), ("happyhorse-1.1", False)]
)
def test_no_watermark_is_identity_only_where_the_model_puts_one(model: str, same: bool) -> None:
    assert (identity(model=model, watermark=False) == identity(model=model)) is same
