"""What the client raises; the whole tree is drawn in `batches/errors.py`."""

from typing import ClassVar, Literal, TypedDict

from typing_extensions import Self, Unpack

from prefect_toapis.client.plain_text import printable, shown_line

_FACT = 200  # characters of an id or a code in a message

Money = Literal["not spent", "maybe spent", "spent"]


class Facts(TypedDict, total=False):
    """What an error may know, besides what happened."""

    shot: str
    http_status: int
    code: str
    request_id: str
    retry_after: float
    task_id: str
    business_id: str
    money: Money
    reply: str
    advice: str
    spending: str


_MONEY_SENTENCE: dict[Money, str] = {
    "not spent": "Nothing was spent.",
    "maybe spent": "Money may have been spent.",
    "spent": "The generation is paid for.",
}


class ToAPIsError(Exception):
    """The root of everything this package raises on purpose.

    Args:
        what: What happened, in one sentence.
        **facts: The data, each kept as an attribute: `shot` (its label), `http_status`, `code`,
            `request_id`, `retry_after` (seconds), `task_id`, `business_id`, `money`,
            `reply` (the first characters of one that can't be understood, safe to show),
            `advice` (what to do, where the cause is known better than the kind says),
            `spending` (what was spent, in sentences, where it concerns more than one generation).

    Example:
        ```python
        try:
            await client.submit(request)
        except ToAPIsError as error:
            if error.money != "not spent":
                print("look up", error.business_id)
        ```
    """

    advice: str = ""
    ended: ClassVar[bool] = False  # whether the provider has called the generation completed

    shot: str | None = None
    http_status: int | None = None
    code: str | None = None
    request_id: str | None = None
    retry_after: float | None = None
    task_id: str | None = None
    business_id: str | None = None
    money: Money = "not spent"
    reply: str | None = None
    spending: str | None = None

    def __init__(self, what: str, **facts: Unpack[Facts]) -> None:
        what = shown_line(what)  # it may quote the provider, a spec or the bucket
        super().__init__(what)
        self.message = what
        self.add_context(**facts)

    def add_context(self, **facts: Unpack[Facts]) -> Self:
        """Add facts that were not known where the error arose; returns the error itself."""
        for name, value in facts.items():
            setattr(self, name, shown_line(str(value)) if name == "reply" and value else value)
        return self

    def __repr__(self) -> str:
        """Its kind and what happened, and no data that is large."""
        return f"{type(self).__name__}({self.message!r})"

    def __str__(self) -> str:
        """What happened, to which shot, whether money was spent, and what to do."""
        shot = f"Shot {printable(self.shot)}: " if self.shot else ""
        seen = [
            f"HTTP {self.http_status}" if self.http_status else None,
            self.code,
            f"request {self.request_id}" if self.request_id else None,
            f"generation {printable(self.task_id)}" if self.task_id else None,
            f"business id {self.business_id}" if self.business_id else None,
        ]
        facts = ", ".join(printable(fact, _FACT) for fact in seen if fact)
        sentences = [
            f"{shot}{self.message.rstrip('.')}{f' ({facts})' if facts else ''}.",
            self.money_in_words,
            self.advice,
        ]
        return " ".join(sentence for sentence in sentences if sentence)

    @property
    def money_in_words(self) -> str:
        """Whether money was spent, in sentences."""
        if self.spending is not None:
            return self.spending
        if self.money == "spent" and not self.ended:
            return f"{_MONEY_SENTENCE['spent']} Should the provider fail it, it isn't charged."
        return _MONEY_SENTENCE[self.money]


class InvalidRequest(ToAPIsError, ValueError):
    """A request breaks a rule of its model; nothing was sent. `faults` has one line for each."""

    advice = "Change what is named and try again."

    def __init__(self, faults: list[str]) -> None:
        super().__init__("")
        self.faults = list(map(shown_line, faults))
        self.args = (self.faults,)
        self.message = "; ".join(self.faults)


class InvalidCatalogue(ToAPIsError, ValueError):
    """A catalogue of models can't be read, or isn't in its form; `what` names file and place."""

    advice = "Correct the file that TOAPIS_CATALOGUE names, or unset it."


class APIError(ToAPIsError):
    """The API answered with an error that asking again will not change."""


class BadRequest(APIError):
    """400 and its kin: the API does not accept the request."""

    advice = "Change the request as the message says."


class WebhookNotConfigured(BadRequest):
    """400 `webhook_not_configured`: the key has no such webhook. Stops the rest of a batch."""

    advice = (
        "Set the webhook up for this key at the provider: settings.callback_url may differ from "
        "its URL in path and query only. Or leave settings.callback_url empty."
    )


class Unauthorized(APIError):
    """401, or another refusal that says so: the key is not accepted. Stops the rest of a batch."""

    advice = "Check the API key of the ToAPIsCredentials in use (or TOAPIS_API_KEY)."


class Forbidden(APIError):
    """403, without a word about the key: of the API, or of a firewall before it."""

    advice = (
        "Check that this key may use the model, and that no firewall or proxy refuses requests "
        "from here."
    )


class InsufficientBalance(APIError):
    """402, or another refusal that says so: no balance is left. Stops the rest of a batch."""

    advice = "Top up the account, then run the batch again: it goes on where it stopped."


# What concerns the account as a whole: submitting the rest of a batch is pointless.
ACCOUNT_REFUSED = (Unauthorized, InsufficientBalance, WebhookNotConfigured)


class NotFound(APIError):
    """404: this key's user has no such task."""

    advice = "Check the task id, and that the key belongs to the user who submitted it."


class PolicyRefused(APIError):
    """422, or another refusal that says so: the provider refuses the prompt."""

    advice = "Change the prompt; the same one will be refused again."


class SubmissionUnknown(ToAPIsError):
    """It can't be told whether a submission was accepted.

    Look it up by its business id before sending it again: `ToAPIsClient.find`.
    """

    money: Money = "maybe spent"
    advice = "Don't send it again before looking it up by its business id."


class GenerationFailed(ToAPIsError):
    """The provider ended the generation without a video; `what` is its reason."""

    advice = "See the provider's reason; failed generations aren't charged."


class ResultMissing(ToAPIsError):
    """The provider calls a generation completed, but gives no URL of a result, for minutes now."""

    ended = True
    money: Money = "spent"
    advice = "Run the batch again to ask once more; if it stays so, show the id to the provider."


class StillRendering(ToAPIsError):
    """The wait for a generation is over, but the generation isn't. It has not failed."""

    money: Money = "spent"
    advice = "Run the batch again: it goes on waiting and buys nothing twice."


class DownloadFailed(ToAPIsError):
    """A result could not be fetched or stored as it should be."""

    ended = True
    money: Money = "spent"
    advice = "Run the batch again before the result expires (24 hours after completion)."


class ResultRefused(DownloadFailed):
    """The host of a result refuses its URL, which may have expired: ask for a fresh one."""


class ResultExpired(DownloadFailed):
    """A result was not fetched while it could be had: 24 hours from its completion ([D])."""

    advice = 'Run the batch again with settings.on_expired="rebuy" to buy the video anew.'


class NotAVideo(DownloadFailed):
    """What a result URL brings is not what was ordered: a page, JSON, an empty file."""


class Transient(ToAPIsError):
    """It did not work now, nothing was bought by it, and doing it again later is safe."""

    advice = "It is safe to try again later."


class NotSent(Transient):
    """No connection could be made, so nothing was sent."""

    advice = "Check the network, the proxy and the base URL; it is safe to try again."


class RateLimited(Transient):
    """429: the account's rate limit is exceeded."""


class Unavailable(Transient):
    """The service (or the way to it) is unavailable for now."""


class UnreadableReply(Transient):
    """The reply to a query can't be understood; `what` keeps its first characters."""

    advice = "If it stays so, check the base URL and any proxy between."
