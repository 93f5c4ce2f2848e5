"""What an error says, and that nothing of it is lost on its way."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from prefect_toapis.client import errors
from prefect_toapis.client.errors import (
    APIError,
    Facts,
    InvalidRequest,
    Money,
    NotFound,
    RateLimited,
    SubmissionUnknown,
    ToAPIsError,
    Transient,
    Unavailable,
)

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ToAPIsError) and kind is not InvalidRequest
]
ALL_FACTS = Facts(
    shot="dog x pro",
    http_status=500,
    code="internal_error",
    request_id="req_1",
    retry_after=7.5,
    task_id="video_1",
    business_id="pt-1",
    money="maybe spent",
)


def test_an_error_says_what_happened_to_which_shot_the_money_and_what_to_do() -> None:
    assert str(Unavailable("The API is unavailable.", **ALL_FACTS)) == (
        "Shot dog x pro: The API is unavailable (HTTP 500, internal_error, request req_1, "
        "generation video_1, business id pt-1). Money may have been spent. "
        "It is safe to try again later."
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ToAPIsError("Something happened"), "Something happened. Nothing was spent."),
        (
            InvalidRequest(["n=5 with sora-2: it must be at most 4", "prompt='' with sora-2: no"]),
            (
                "n=5 with sora-2: it must be at most 4; prompt='' with sora-2: no. "
                "Nothing was spent. Correct the fields listed and try again."
            ),
        ),
        (
            NotFound("the API refuses: No such task", http_status=404, code="task_not_found"),
            (
                "the API refuses: No such task (HTTP 404, task_not_found). Nothing was spent. "
                "Check the task id, and that the key belongs to the user who submitted it."
            ),
        ),
        (
            SubmissionUnknown("no reply to the submission: ReadTimeout", business_id="pt-1"),
            (
                "no reply to the submission: ReadTimeout (business id pt-1). "
                "Money may have been spent. "
                "Don't send it again before looking it up by its business id."
            ),
        ),
    ],
)
def test_an_error_leaves_out_what_it_doesn_t_know(error: ToAPIsError, said: str) -> None:
    assert str(error) == said


MONEY: dict[str, Money] = {
    "SubmissionUnknown": "maybe spent",
    "ResultMissing": "spent",
    "StillRendering": "spent",
    "DownloadFailed": "spent",
    "ResultExpired": "spent",
    "ResultRefused": "spent",
    "NotAVideo": "spent",
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_error_knows_about_the_money_and_what_to_do(kind: type[ToAPIsError]) -> None:
    error = kind("It happened")
    assert error.money == MONEY.get(kind.__name__, "not spent")
    assert str(error).startswith("It happened. ")
    if kind not in {ToAPIsError, APIError}:
        assert error.advice
        assert str(error).endswith(error.advice)


def test_the_repr_is_short() -> None:
    assert repr(Unavailable("The API is down", **ALL_FACTS)) == "Unavailable('The API is down')"


def test_facts_can_be_added_later_and_replaced() -> None:
    error = RateLimited("Too fast", http_status=429)
    assert error.add_context(shot="dog", http_status=503) is error
    assert (error.shot, error.http_status, error.code) == ("dog", 503, None)
    assert str(error).startswith("Shot dog: Too fast (HTTP 503). ")


@pytest.mark.parametrize(
    "round_trip",
    [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))],
    ids=["copy", "deepcopy", "pickle"],
)
@pytest.mark.parametrize(
    "error",
    [
        *(kind("It happened", **ALL_FACTS) for kind in KINDS),
        *(kind("It happened") for kind in KINDS),
        InvalidRequest(["one", "two"]).add_context(shot="dog"),
    ],
    ids=repr,
)
def test_an_error_survives_copying_and_pickling(
    error: ToAPIsError, round_trip: Callable[[Any], Any]
) -> None:
    twin = round_trip(error)
    assert twin is not error
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert twin.args == error.args
    assert vars(twin) == vars(error)


def test_an_invalid_request_is_also_a_value_error_and_lists_its_faults() -> None:
    error = InvalidRequest(["one", "two"])
    assert isinstance(error, ValueError)
    assert error.faults == ["one", "two"]


def test_what_is_safe_to_do_again_is_one_kind() -> None:
    transient = {kind.__name__ for kind in KINDS if issubclass(kind, Transient)}
    assert transient == {"Transient", "NotSent", "RateLimited", "Unavailable", "UnreadableReply"}
