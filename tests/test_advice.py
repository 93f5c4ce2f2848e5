"""The client's errors get the advice of a batch, unless they carry advice about their cause."""

import pytest

from prefect_toapis.client.errors import (
    BadRequest,
    DownloadFailed,
    InsufficientBalance,
    NotAVideo,
    NotFound,
    ResultExpired,
    StillRendering,
    ToAPIsError,
    WebhookNotConfigured,
)
from prefect_toapis.errors import StoreUnavailable, SubmissionAbsent, with_batch_advice


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (InsufficientBalance, "then run the batch again"),
        (StillRendering, "Run the batch again"),
        (DownloadFailed, "Run the batch again before the result expires"),
        (NotAVideo, "Run the batch again before the result expires"),
        (ResultExpired, 'settings.purchases.on_expired="rebuy"'),
        (WebhookNotConfigured, "leave settings.webhooks.callback_url empty"),
    ],
)
def test_the_advice_names_the_batch_and_its_settings(kind: type[ToAPIsError], advice: str) -> None:
    assert advice not in str(kind("It happened"))
    assert advice in str(with_batch_advice(kind("It happened")))


@pytest.mark.parametrize("kind", [NotFound, BadRequest, StoreUnavailable, SubmissionAbsent])
def test_the_advice_of_other_errors_stays(kind: type[ToAPIsError]) -> None:
    assert with_batch_advice(kind("It happened")).advice == kind.advice


def test_advice_about_the_cause_stays() -> None:
    error = StillRendering("It happened", advice="Look at the reply.")
    assert with_batch_advice(error).advice == "Look at the reply."
