"""What to do about the client's errors within a batch: the client knows no batches or settings."""

from typing import TypeVar

from prefect_toapis.client.errors import (
    DownloadFailed,
    InsufficientBalance,
    ResultExpired,
    ResultMissing,
    StillRendering,
    ToAPIsError,
    Unauthorized,
    WebhookNotConfigured,
)

E = TypeVar("E", bound=ToAPIsError)

_ADVICE: dict[type, str] = {
    WebhookNotConfigured: (
        "Configure the webhook for this key at the provider: settings.webhooks.callback_url may "
        "differ from its URL in path and query only. Or leave settings.webhooks.callback_url empty."
    ),
    Unauthorized: "Check the API key of the ToAPIsCredentials in use (or TOAPIS_API_KEY).",
    InsufficientBalance: (
        "Top up the account, then run the batch again: it continues where it stopped."
    ),
    ResultMissing: (
        "Run the batch again to query it once more; if the URL stays missing, report the task id "
        "to the provider."
    ),
    StillRendering: "Run the batch again: it continues the wait and buys nothing twice.",
    DownloadFailed: "Run the batch again before the result expires (24 hours after completion).",
    ResultExpired: (
        'Run the batch again with settings.purchases.on_expired="rebuy" to buy the video anew.'
    ),
}


def with_batch_advice(error: E) -> E:
    """The error, with the advice for a batch in place of its class's own.

    Args:
        error: Raised by the client. Advice that the error itself carries is kept: it is about the
            cause.

    Example:
        >>> with_batch_advice(InsufficientBalance("the API refuses: No balance")).advice
        'Top up the account, then run the batch again: it continues where it stopped.'
    """
    if "advice" in vars(error):
        return error
    defining = next(kind for kind in type(error).__mro__ if "advice" in vars(kind))
    return error.add_context(advice=_ADVICE[defining]) if defining in _ADVICE else error
