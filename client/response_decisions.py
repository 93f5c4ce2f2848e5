"""Decisions about the API's responses: pure functions, each with a table in the tests.

A submission ends as accepted, rejected or unknown. Any submission that is not certainly accepted
or certainly rejected is unknown, and is never sent again before it was looked up.
"""

import email.utils
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

import httpx

from prefect_toapis.client.error_bodies import ErrorBody, read_error
from prefect_toapis.client.errors import (
    APIError,
    BadRequest,
    Facts,
    Forbidden,
    GenerationFailed,
    InsufficientBalance,
    NotFound,
    NotSent,
    PolicyRefused,
    RateLimited,
    SubmissionUnknown,
    ToAPIsError,
    Transient,
    Unauthorized,
    Unavailable,
    UnreadableReply,
    WebhookNotConfigured,
)
from prefect_toapis.client.excerpts import sentence
from prefect_toapis.client.refusals import (
    Meaning,
    Refusal,
    read_refusal,
    refuses_by_code,
    says_no_balance,
)
from prefect_toapis.client.replies import Answer, Reply, read_reply
from prefect_toapis.client.reply_envelopes import find_task

T = TypeVar("T")

Category = Literal["async_submit", "async_query"]  # of rate-limit buckets, as headers name them

_CATEGORIES: dict[str, Category] = {name: name for name in get_args(Category)}

# Raised before a byte of the request was sent: it can't have had an effect.
NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)

# A submission with such a status bought nothing, whatever the body says. Other statuses except 2xx
# leave it open: a gateway may send them after it forwarded the submission.
BOUGHT_NOTHING = frozenset({400, 401, 402, 403, 405, 413, 414, 415, 422, 429, 431})
# How routers word a 404 for an unknown path, and how a missing task is worded.
_NO_ADDRESS = re.compile(
    r"invalid url|no route|route not found|unknown (?:url|path|route|endpoint)|cannot get /"
    r"|(?:url|path|page|endpoint|model)[ _]not[ _](?:found|exist)",
    re.IGNORECASE,
)
_NO_TASK = re.compile(
    r"(?:task|video|generation|job)s?\b.*(?:not|n't|no longer)\b.*(?:found|exist)"
    r"|(?:task|video|generation|job)_not_(?:found|exist)"
    r"|(?:no such|unknown|not find) (?:task|video|generation|job)"
    r"|任务(?:不存在|未找到)|(?:未找到|找不到)任务|任務不存在",
    re.IGNORECASE | re.DOTALL,
)
_SHOWN = 200  # characters of a reply that can't be understood, in a message
_SHOWN_ID = 80  # characters of an id from elsewhere

_ERRORS: dict[int, type[APIError]] = {
    401: Unauthorized,
    402: InsufficientBalance,
    403: Forbidden,
    404: NotFound,
    422: PolicyRefused,
}
_BY_MEANING: dict[Meaning, type[APIError]] = {
    "webhook": WebhookNotConfigured,
    "balance": InsufficientBalance,
    "policy": PolicyRefused,
    "key": Unauthorized,
}

_TOO_LARGE = "Shorten the prompt, use fewer or shorter URLs, or raise the limit of any proxy."
_ADVICE = {  # where the advice of the error's class doesn't fit the cause
    405: "Check the base URL: the server there accepts no submissions.",
    413: _TOO_LARGE,
    414: _TOO_LARGE,
    415: "Check the base URL and any proxy between: the server there accepts no JSON.",
    431: _TOO_LARGE,
}
_NOT_THE_API = "Check the base URL and any proxy or firewall between: the reply isn't the API's."


@dataclass(frozen=True)
class Accepted:
    """A generation was created, and paid for."""

    task_id: str
    reply: Reply


@dataclass(frozen=True)
class Rejected:
    """Nothing was bought."""

    error: APIError | Transient


@dataclass(frozen=True)
class Unknown:
    """A generation may have been created."""

    error: SubmissionUnknown


Outcome = Accepted | Rejected | Unknown


def submission_outcome(answer: Answer | Exception, *, of_task: bool = False) -> Outcome:
    """The outcome of a submission.

    Accepted: a 2xx with an id and without an error. Rejected: only where nothing can have been
    bought, which is no connection, a status in `BOUGHT_NOTHING` with any body, a 503 with
    `rate_limit_unavailable` (the limiter precedes the task, [D]), and a 2xx with
    `"success": false`, the code of an empty balance and no possible task ([W]).

    Args:
        answer: The response, or the exception that the request raised.
        of_task: Whether the request names an earlier task, as a remix does: a 404 `task_not_found`
            is then about the earlier task ([D]), so that nothing was created.
    """
    if isinstance(answer, NOT_SENT):
        return Rejected(NotSent(f"no connection to the API: {_name(answer)}"))
    if isinstance(answer, Exception):
        return Unknown(SubmissionUnknown(f"no reply to the submission: {_name(answer)}"))
    if answer.http_status in range(200, 300) and not _names_an_error(answer):
        reply = read_reply(answer.payload)
        if reply and reply.task_id:
            return Accepted(reply.task_id, reply)
    refusal = read_refusal(answer.payload, answer.text)
    rejection = _rejection(answer, refusal, of_task)
    return Rejected(rejection) if rejection else Unknown(_unknown(answer, refusal))


def query_reply(
    answer: Answer | Exception, task_id: str | None = None, business_id: str | None = None
) -> Reply | ToAPIsError:
    """The result of a status query: the generation's state, or an error.

    Args:
        answer: The response, or the exception that the request raised.
        task_id: The queried generation; None: it was looked up by its business id.
        business_id: The caller's own id of it, where known.
    """
    reply = query_result(answer, read_reply)
    if not isinstance(reply, Reply):
        return (_no_task(answer) if isinstance(answer, Answer) else None) or reply
    return foreign(reply, task_id, business_id) or reply


def foreign(
    reply: Reply, task_id: str | None = None, business_id: str | None = None
) -> UnreadableReply | None:
    """The error for a reply about another generation than the queried; None if it is the right.

    Args:
        reply: A reply without any id is accepted.
        task_id: The provider's id that was queried; [W] any id of the reply may match it.
        business_id: The caller's own id of the generation.
    """
    if task_id and reply.task_id and task_id not in {reply.task_id, *reply.other_ids}:
        what = f"the reply is about the generation {sentence(reply.task_id, _SHOWN_ID)}"
    elif business_id and reply.business_id not in {None, business_id}:
        what = f"the reply carries the business id {sentence(str(reply.business_id), _SHOWN_ID)}"
    else:
        return None
    return UnreadableReply(f"{what}, which was not queried", **kept(reply))


def query_result(
    answer: Answer | Exception,
    read: Callable[[Any], T | None],
    on_success_false: type[APIError] | None = None,
) -> T | ToAPIsError:
    """The result of a call that buys nothing: the parsed reply, or an error.

    Args:
        answer: The response, or the exception that the request raised.
        read: Parses the JSON of a reply; returns None if the expected content isn't there.
        on_success_false: The error for `"success": false` with a 2xx status.
    """
    if isinstance(answer, Exception):
        return _no_reply(answer)
    body = read_error(answer.payload)
    well = answer.http_status in range(200, 300)
    if well and (found := read(answer.payload)) is not None:
        return found
    if body and well and on_success_false and answer.payload.get("success") is False:
        return on_success_false(f"the API refuses: {body.message}", **_facts(answer, body))
    if body and answer.http_status in range(400, 500) and _is_the_api_s(answer, body):
        return _api_error(answer, body)
    facts = _facts(answer, body)
    if answer.http_status in {408, 429} or answer.http_status >= 500:
        return Unavailable(f"the API is unavailable: {_said(answer, body)}", **facts)
    facts["reply"] = answer.excerpt
    return UnreadableReply(
        f"the reply to a query can't be understood: {_said(answer, body)}", **facts
    )


def failure_error(reply: Reply) -> GenerationFailed:
    """The error for a failed generation, with the provider's reason or else the reply itself."""
    if reply.failure is None:
        said = f": {found[:_SHOWN]}" if (found := reply.excerpt) else ""
        what = f"the generation failed; the provider's reply has no reason{said}"
        return GenerationFailed(what, **kept(reply))
    error = GenerationFailed(f"the generation failed: {reply.failure.message}")
    if reply.failure.code:
        error.add_context(code=reply.failure.code)
    return error


def kept(reply: Reply) -> Facts:
    """The reply's first characters, for an error that can't interpret them."""
    return Facts(reply=found) if (found := reply.excerpt) else Facts()


def remaining_in(headers: Mapping[str, str]) -> tuple[Category, float] | None:
    """The remaining requests of a rate-limit bucket, where a reply reports them ([D]).

    Args:
        headers: Of the reply, by lower-case names.

    Example:
        >>> remaining_in({"x-ratelimit-category": "async_query", "x-ratelimit-remaining": "499"})
        ('async_query', 499.0)
    """
    category = _CATEGORIES.get(headers.get("x-ratelimit-category", ""))
    remaining = headers.get("x-ratelimit-remaining", "").strip()
    return (category, float(remaining)) if category and remaining.isdecimal() else None


def retry_after(headers_value: str | None, now: float) -> float | None:
    """Seconds to wait, from a `Retry-After` header: seconds or an HTTP date ([D]).

    Args:
        headers_value: The header's text, None where there is none.
        now: Unix seconds.

    Example:
        >>> retry_after("Thu, 01 Jan 1970 00:01:00 GMT", now=50.0)
        10.0
    """
    if headers_value is None:
        return None
    text = headers_value.strip()
    if text.replace(".", "", 1).isdecimal():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, moment - now)


def _no_reply(error: Exception) -> Transient:
    if isinstance(error, NOT_SENT):
        return NotSent(f"no connection to the API: {_name(error)}")
    return Unavailable(f"no reply to a query: {_name(error)}")


def refusal_kind(http_status: int, meaning: Meaning | None) -> type[APIError | Transient]:
    """The error class of a refused submission.

    An empty balance, a rejected key and a policy are recognised by codes and texts of any shape;
    the status decides where these are absent, and where it is more specific.

    Args:
        http_status: A status in `BOUGHT_NOTHING`.
        meaning: The meaning of the body's codes and text.

    Example:
        >>> refusal_kind(429, "balance").__name__, refusal_kind(429, "policy").__name__
        ('InsufficientBalance', 'RateLimited')
    """
    if http_status in {401, 402, 429} and meaning not in {"balance", "webhook"}:
        return RateLimited if http_status == 429 else _ERRORS[http_status]
    if http_status == 422 and meaning == "parameters":
        return BadRequest
    by_status = _ERRORS.get(http_status, BadRequest)
    return _BY_MEANING.get(meaning, by_status) if meaning else by_status


def _rejection(answer: Answer, refusal: Refusal, of_task: bool) -> APIError | Transient | None:
    """The error of a submission that bought nothing; None where that isn't certain."""
    if answer.http_status in BOUGHT_NOTHING:
        return _refused(answer, refusal)
    facts = _with_code(answer, refusal)
    if of_task and answer.http_status == 404 and "task_not_found" in refusal.codes:
        return NotFound(f"the API refuses: {refusal.message}", **facts)
    if answer.http_status in range(200, 300) and _refuses_for_balance(answer, refusal):
        return InsufficientBalance(f"the API refuses: {refusal.message}", **facts)
    if answer.http_status == 503 and "rate_limit_unavailable" in refusal.codes:
        return Unavailable(f"the API accepts no submissions now: {refusal.message}", **facts)
    return None


def _refuses_for_balance(answer: Answer, refusal: Refusal) -> bool:
    """Whether a 2xx says that the balance was insufficient, and names no task."""
    found = find_task(answer.payload)
    names_a_task = found is not None and (found.ids or found.status is not None)
    return says_no_balance(answer.payload, refusal) and not names_a_task


def _refused(answer: Answer, refusal: Refusal) -> APIError | Transient:
    kind = refusal_kind(answer.http_status, refusal.meaning)
    facts = _with_code(answer, refusal)
    if kind is RateLimited:
        return kind(f"the rate limit is exceeded: {refusal.message}", **facts)
    if refusal.page and refusal.meaning is None:
        facts["advice"] = (
            _NOT_THE_API if kind is not Unauthorized else f"{kind.advice} {_NOT_THE_API}"
        )
        return kind(f"a web page, not the API, refuses: {refusal.message}", **facts)
    if kind in {BadRequest, PolicyRefused} and answer.http_status in _ADVICE:
        facts["advice"] = _ADVICE[answer.http_status]
    return kind(f"the API refuses: {refusal.message}", **facts)


def _unknown(answer: Answer, refusal: Refusal) -> SubmissionUnknown:
    """The error keeps the reply, and advises what to check where it isn't the API's."""
    facts = _with_code(answer, refusal)
    if answer.excerpt:
        facts["reply"] = answer.excerpt
    named = _names_an_error(answer)
    if named or (answer.http_status >= 400 and answer.payload is not None):
        what = f"the reply doesn't say whether the submission was accepted: {refusal.message}"
    else:
        said = repr(answer.excerpt) if answer.excerpt else "an empty body"
        what = f"the reply to the submission can't be understood: {said}"
    elsewhere = answer.http_status < 400 and not named
    if elsewhere or (answer.http_status == 404 and answer.payload is None):
        facts["advice"] = f"{_NOT_THE_API} {SubmissionUnknown.advice}"
    elif answer.http_status == 404:
        facts["advice"] = f"Check the base URL and the model's name. {SubmissionUnknown.advice}"
    return SubmissionUnknown(what, **facts)


def _names_an_error(answer: Answer) -> bool:
    return read_error(answer.payload) is not None or refuses_by_code(answer.payload)


def _with_code(answer: Answer, refusal: Refusal) -> Facts:
    facts = _facts(answer, None)
    if refusal.code:
        facts["code"] = refusal.code
    return facts


def _is_the_api_s(answer: Answer, body: ErrorBody) -> bool:
    """Whether a 404 says that there is no such task, rather than no such path.

    Only the API itself has an `error` or a `code`; in other bodies the text must say it.
    """
    if answer.http_status != 404:
        return True
    text = f"{body.code or ''} {body.kind or ''} {body.message}"
    if _NO_ADDRESS.search(text):
        return False
    has_its_form = bool(answer.payload.get("error") or answer.payload.get("code"))
    return has_its_form or bool(_NO_TASK.search(text))


def _no_task(answer: Answer) -> NotFound | None:
    """The error for a text that says there is no such task; [W] a 400 in any shape may say it."""
    if answer.http_status not in {400, 404} or not isinstance(answer.payload, dict):
        return None
    refusal = read_refusal(answer.payload, answer.text)
    text = f"{refusal.code or ''} {refusal.message}"[:_SHOWN]
    if _NO_ADDRESS.search(text) or not _NO_TASK.search(text):
        return None
    return NotFound(f"the API refuses: {refusal.message}", **_with_code(answer, refusal))


def _api_error(answer: Answer, body: ErrorBody) -> APIError | Transient:
    facts = _facts(answer, body)
    if answer.http_status == 429:
        return RateLimited(f"the rate limit is exceeded: {body.message}", **facts)
    if answer.http_status in {408, 503}:
        return Unavailable(f"the API is unavailable: {body.message}", **facts)
    kind = _ERRORS.get(answer.http_status, BadRequest)
    if "webhook_not_configured" in {body.code, body.kind}:
        kind = WebhookNotConfigured
    if kind is Forbidden and read_refusal(answer.payload, answer.text).meaning == "key":
        kind = Unauthorized
    return kind(f"the API refuses: {body.message}", **facts)


def _facts(answer: Answer, body: ErrorBody | None) -> Facts:
    facts = Facts(http_status=answer.http_status)
    if body and (code := body.code or body.kind):
        facts["code"] = code
    if answer.request_id:
        facts["request_id"] = answer.request_id
    delay = retry_after(answer.headers.get("retry-after"), time.time())
    if delay is not None:
        facts["retry_after"] = delay
    return facts


def _said(answer: Answer, body: ErrorBody | None) -> str:
    return (
        body.message
        if body
        else repr(answer.excerpt[:_SHOWN])
        if answer.excerpt
        else "an empty body"
    )


def _name(error: Exception) -> str:
    """The class of an error of httpx: its text may contain a URL with secrets."""
    return type(error).__name__
