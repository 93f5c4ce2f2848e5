"""The client's catalogue and the simulator's rules, which were read from the same pages apart.

Where they disagree, one of them is wrong. The client may be the stricter one, as it knows which
requests are accepted and fail later.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulator.test_model_requests import ACCEPTED, IMAGE, REFUSED, body_of

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.request_rules import check
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.simulator.documented_models import DOCUMENTED
from prefect_toapis.simulator.field_rules import (
    Flag,
    Items,
    Link,
    Members,
    Number,
    Segment,
    Taken,
    Text,
    Whole,
)
from prefect_toapis.simulator.model_rules import read_fields

PASSED_THROUGH = {"viduq3-pro-fast"}  # what is inside its metadata isn't documented one by one


def request_of(model: str, fields: dict[str, Any]) -> VideoRequest:
    body = body_of(model, fields)
    inside = body.pop("metadata", {})
    return VideoRequest.model_validate({"prompt": "", **body, **inside})


def refused_by_the_simulator(request: VideoRequest) -> list[str]:
    return read_fields(request.model, DOCUMENTED[request.model], request.body())[1]


@pytest.mark.parametrize(
    ("model", "fields"),
    [(model, fields) for model, fields in ACCEPTED if model not in PASSED_THROUGH],
    ids=str,
)
def test_the_client_sends_what_is_documented_and_where_it_belongs(
    model: str, fields: dict[str, Any]
) -> None:
    request = request_of(model, fields)
    assert check(request, Catalogue.shipped()) == []
    sent, documented = request.body(), body_of(model, fields)
    assert sent.keys() == documented.keys()
    assert sent.get("metadata", {}).keys() == documented.get("metadata", {}).keys()
    assert refused_by_the_simulator(request) == []


@pytest.mark.parametrize(("model", "fields", "named"), REFUSED, ids=str)
def test_the_client_refuses_what_the_provider_does_or_puts_it_right(
    model: str, fields: dict[str, Any], named: str
) -> None:
    request = request_of(model, fields)
    if not check(request, Catalogue.shipped()):
        assert refused_by_the_simulator(request) == [], named


def scalars(taken: Taken) -> list[Any]:
    """Values that a field takes, and some just beside."""
    if isinstance(taken, Text):
        return [*taken.choices, "odd"] if taken.choices else ["A dog", "x" * 6000]
    if isinstance(taken, Whole):
        return [*taken.choices, *taken.also, -1, 0, 1, 3, 4, 5, 10, 15, 16, 31]
    of_type: dict[type, list[Any]] = {
        Number: [0, 0.5, 1, 2, 3],
        Link: [IMAGE],
        Segment: ["1,3", "1,2"],
        Flag: [True, False],
    }
    return of_type[type(taken)]


def values(taken: Taken) -> st.SearchStrategy[Any]:
    """Lists and objects of such values, too."""
    if isinstance(taken, Items) and taken.each:
        return st.lists(values(taken.each), min_size=1, max_size=11)
    if isinstance(taken, Members):
        required = {name: values(one) for name, one in taken.fields.items() if one.required}
        optional = {name: values(one) for name, one in taken.fields.items() if not one.required}
        return st.fixed_dictionaries(required, optional=optional)
    return st.sampled_from(scalars(taken))


@st.composite
def requests(draw: st.DrawFn) -> VideoRequest:
    model = draw(st.sampled_from([name for name in DOCUMENTED if name != "gemini_omni_flash"]))
    fields = DOCUMENTED[model].fields
    fields.pop("candidate_count", None)  # another spelling of candidateCount
    chosen = draw(st.lists(st.sampled_from(sorted(fields)), max_size=4, unique=True))
    chosen += [name for name, taken in fields.items() if taken.required and name not in chosen]
    given_ = {name: draw(values(fields[name])) for name in chosen}
    return VideoRequest.model_validate({"prompt": "A dog", "model": model, **given_})


@given(request=requests())
def test_whatever_the_client_lets_through_the_provider_takes(request: VideoRequest) -> None:
    if not check(request, Catalogue.shipped()):
        assert refused_by_the_simulator(request) == []
