"""The client's errors: what happened, whether money was spent, and what to do."""

from typing import ClassVar, Literal, TypedDict

from typing_extensions import Self, Unpack

from prefect_toapis.client.plain_text import printable, shown_line

_MAX_FACT_LENGTH = 200  # characters of an id or a code in a message

Money = Literal["not spent", "maybe spent", "spent"]


class Facts(TypedDict, total=False):
    """The optional context of an error, besides its message."""

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
    """The base class of every error that this package raises on purpose.

    Args:
        message: What happened, in one sentence.
        **facts: The context, each kept as an attribute: `shot` (its label), `http_status`, `code`,
            `request_id`, `retry_after` (seconds), `task_id`, `business_id`, `money`,
            `reply` (the first characters of an unreadable reply, safe to show),
            `advice` (what to do, where the cause is more specific than the class),
            `spending` (what was spent, in sentences, where several generations are concerned).

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
    ended: ClassVar[bool] = False  # whether the provider has reported the generation as completed

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

    def __init__(self, message: str, **facts: Unpack[Facts]) -> None:
        message = shown_line(message)  # it may quote the provider, a spec or the bucket
        super().__init__(message)
        self.message = message
        self.add_context(**facts)

    def add_context(self, **facts: Unpack[Facts]) -> Self:
        """Add context that was not known where the error was raised; return the error itself."""
        for name, value in facts.items():
            setattr(self, name, shown_line(str(value)) if name == "reply" and value else value)
        return self

    def __repr__(self) -> str:
        """The class and the message, without the context."""
        return f"{type(self).__name__}({self.message!r})"

    def __str__(self) -> str:
        """What happened, to which shot, whether money was spent, and what to do."""
        return self._in_words(self.money_in_words)

    @property
    def as_fault(self) -> str:
        """What happened and what to do, for a list that says once that nothing was spent."""
        return self._in_words(money="")

    def _in_words(self, money: str) -> str:
        shot = f"Shot {printable(self.shot)}: " if self.shot else ""
        identifiers = [
            f"HTTP {self.http_status}" if self.http_status else None,
            self.code,
            f"request {self.request_id}" if self.request_id else None,
            f"generation {printable(self.task_id)}" if self.task_id else None,
            f"business id {self.business_id}" if self.business_id else None,
        ]
        facts = ", ".join(printable(fact, _MAX_FACT_LENGTH) for fact in identifiers if fact)
        sentences = [
            f"{shot}{self.message.rstrip('.')}{f' ({facts})' if facts else ''}.",
            money,
            self.advice,
        ]
        return " ".join(sentence for sentence in sentences if sentence)

    @property
    def money_in_words(self) -> str:
        """Whether money was spent, in sentences."""
        if self.spending is not None:
            return self.spending
        if self.money == "spent" and not self.ended:
            return f"{_MONEY_SENTENCE['spent']} If it fails, it isn't charged."
        return _MONEY_SENTENCE[self.money]


class InvalidRequest(ToAPIsError, ValueError):
    """A request violates rules of its model; nothing was sent. `faults` has a line for each."""

    advice = "Correct the fields listed and try again."

    def __init__(self, faults: list[str]) -> None:
        super().__init__("")
        self.faults = list(map(shown_line, faults))
        self.args = (self.faults,)
        self.message = "; ".join(self.faults)


class InvalidCatalogue(ToAPIsError, ValueError):
    """A catalogue of models is unreadable or malformed; `message` names the file and the place."""

    advice = "Correct the file that TOAPIS_CATALOGUE names, or unset it."


class InvalidPrices(ToAPIsError, ValueError):
    """A file of prices is unreadable or malformed; `message` names the file and the place."""

    advice = "Correct the file that TOAPIS_PRICES names, or unset it."


class APIError(ToAPIsError):
    """The API answered with an error that a retry doesn't resolve."""


class BadRequest(APIError):
    """The API rejects the request (400 and similar statuses)."""

    advice = "Change the request as the message says."


class WebhookNotConfigured(BadRequest):
    """The key has no webhook for this `callback_url` (400 `webhook_not_configured`)."""

    advice = (
        "Configure the webhook for this key at the provider, or send no callback_url: it may "
        "differ from the webhook's URL in path and query only."
    )


class Unauthorized(APIError):
    """The API rejects the key (401, or another status whose body says so)."""

    advice = "Check the API key."


class Forbidden(APIError):
    """The API, or a firewall before it, refuses the request (403 without mention of the key)."""

    advice = (
        "Check that this key may use the model, and that no firewall or proxy blocks requests "
        "from this machine."
    )


class InsufficientBalance(APIError):
    """The account has no balance left (402, or another status whose body says so)."""

    advice = "Top up the account."


# Errors that concern the account as a whole: further submissions would be refused, too.
ACCOUNT_REFUSED = (Unauthorized, InsufficientBalance, WebhookNotConfigured)


class NotFound(APIError):
    """The key's user has no such task (404)."""

    advice = "Check the task id, and that the key belongs to the user who submitted it."


class PolicyRefused(APIError):
    """The provider refuses the prompt (422, or another status whose body says so)."""

    advice = "Change the prompt; an unchanged prompt will be refused again."


class SubmissionUnknown(ToAPIsError):
    """The outcome of a submission is unknown: it may have been accepted.

    Look it up by its business id before sending it again: `ToAPIsClient.find`.
    """

    money: Money = "maybe spent"
    advice = "Don't send it again before looking it up by its business id."


class GenerationFailed(ToAPIsError):
    """The provider ended the generation without a video; `message` has its reason."""

    advice = "See the provider's reason; failed generations aren't charged."


class ResultMissing(ToAPIsError):
    """The provider reports a generation as completed, but no result URL, for minutes."""

    ended = True
    money: Money = "spent"
    advice = "Query it again; if the URL stays missing, report the task id to the provider."


class StillRendering(ToAPIsError):
    """The wait for a generation timed out; the generation itself has not failed."""

    money: Money = "spent"
    advice = "Query it again later; it need not be submitted again."


class DownloadFailed(ToAPIsError):
    """A result could not be downloaded or stored."""

    ended = True
    money: Money = "spent"
    advice = "Download it again before it expires (24 hours after completion)."


class ResultRefused(DownloadFailed):
    """The result's host refuses its URL, which may have expired: query a fresh URL."""


class ResultExpired(DownloadFailed):
    """A result was not downloaded within 24 hours of its completion ([D])."""

    advice = "Submit the request again to buy another video."


class NotAVideo(DownloadFailed):
    """A result URL returns something other than a video: a page, JSON, an empty file."""


class Transient(ToAPIsError):
    """A temporary failure: nothing was bought, and a retry is safe."""

    advice = "It is safe to try again later."


class NotSent(Transient):
    """No connection could be made, so nothing was sent."""

    advice = "Check the network, the proxy and the base URL; it is safe to try again."


class RateLimited(Transient):
    """The account's rate limit is exceeded (429)."""


class Unavailable(Transient):
    """The service, or the network path to it, is unavailable."""


class UnreadableReply(Transient):
    """The reply to a query can't be parsed; `reply` has its first characters."""

    advice = "If this persists, check the base URL and any proxy between."
