"""Parsing of refusals of any shape: their text, their codes, and the meaning of both.

The provider documents `{"error": {"code", "message", "type"}}` ([D]); similar gateways send flat
objects, `detail`, `errors`, plain text or a page ([W]). Whether anything was bought is decided by
the HTTP status, in `decisions`.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from prefect_toapis.client.error_bodies import as_code, is_page, readable, text_of_page
from prefect_toapis.client.json_values import text_of

Meaning = Literal["webhook", "balance", "policy", "key", "parameters", "too fast"]

_FIELDS = 100  # of a body that are read
_DEPTH = 8
_NESTED = 20_000  # characters of a string that may be JSON itself
_LONGEST_CODE = 100

_CODE_FIELDS = frozenset(
    {
        *("code", "type", "kind", "reason", "name", "status", "slug"),
        *("error_code", "errorcode", "err_code", "errcode", "error_type", "errortype"),
    }
)
_TEXT_FIELDS = frozenset(
    {
        *("", "error", "errors", "err", "message", "messages", "msg", "detail", "details"),
        *("error_message", "errormessage", "error_msg", "errormsg", "err_msg", "errmsg"),
        *("error_description", "description", "reason", "fail_reason", "title", "hint", "data"),
        *("status_msg", "statusmsg", "status_message", "statusmessage", "fail_msg", "failmsg"),
    }
)
# Objects keyed by parameter, as in {"errors": {"prompt": ["is required"]}}.
_BY_PARAMETER = frozenset({"errors", "detail", "details"})

# Matched against lower-case text with `_` in place of other characters than letters and digits.
_FEW = "(?:[a-z]+_){0,2}"
_WEALTH = "(?:quotas?|balance|credits?|funds?|budget|points)"
_BALANCE = "|".join(
    [
        f"insufficient_{_FEW}{_WEALTH}",
        f"not_enough_{_FEW}{_WEALTH}|(?:not|t)_have_(?:enough|sufficient)_{_FEW}{_WEALTH}",
        f"(?:lacks?|needs?|requires?)_(?:enough|sufficient|more)_{_FEW}{_WEALTH}",
        f"{_WEALTH}_{_FEW}(?:not_enough|insufficient|exceeded|exhausted|depleted|used_up|too_low)",
        f"(?:exceeded|exceeds|exceed|out_of|no|low|zero|over|lack_of)_{_FEW}{_WEALTH}(?:_|$)",
        "billing_(?:hard_|soft_)?limit|billing_not_active|billing_hard|spend(?:ing)?_limit",
        "payment_(?:is_)?required|pre_consume_token_quota_failed|arrearage|in_arrears|overdue",
        "top_up_(?:your|the)|recharge_(?:your|the)|please_(?:recharge|top_up)",
        "余额不足|余额不够|余額不足|额度不足|额度不够|额度已用尽|额度已耗尽|配额不足|积分不足|欠费|充值",
        "余额为0|余额为零|剩余额度|剩餘額度",
    ]
)
_POLICY = (
    "content_(?:policy|policies|filter|moderation|violation)|policy_violation|moderation"
    "|safety_(?:system|filter|check|policy|violation)|usage_polic|violat[a-z]*_(?:[a-z]+_){0,3}polic"
    "|sensitive_(?:content|word|words|information)|nsfw|prohibited_content|inappropriate_content"
    "|responsible_ai|unsafe_content|敏感|违规|違規|违禁|审核|審核"
)
_BAD = "(?:invalid|incorrect|wrong|bad|missing|expired|revoked|disabled|unknown|no_such)"
_KEY_CODE = (
    f"^(?:{_BAD}_{_FEW}(?:api_?key|key|token|credentials?)|{_FEW}(?:api_?key|token|key)"
    "_(?:is_)?(?:invalid|incorrect|missing|expired|revoked|disabled|not_found|required)"
    "|unauthori[sz]ed|unauthenticated|not_authenticated|(?:invalid_)?authentication"
    "|(?:account|user)_(?:deactivated|disabled|suspended|banned))"
    "(?:_(?:error|exception|failed|required|failure))?$"
)
_KEY_TEXT = (
    f"{_BAD}_{_FEW}api_?key|api_?key_(?:[a-z]+_){{0,3}}{_BAD}|api_?key_(?:is_)?not_(?:valid|found)"
    "|(?:无效|過期|过期|错误)的?(?:令牌|密钥|api_?key)|(?:令牌|密钥)(?:已过期|已失效|无效|已禁用|状态不可用)"
)
_PARAMETERS = (
    "^(?:invalid_(?:request|parameter|param|argument|input|value|json|type|field)|validation"
    "|missing_(?:parameter|field|argument|required)|value_error|type_error|unprocessable_entity"
    "|bad_request|missing$)"
)
_TOO_FAST = (
    "rate_?limit|too_many_requests|requests_per|per_(?:second|minute|hour)|throttl|concurren"
    "|slow_down|try_again_(?:in|later)|too_fast|频繁|限流|并发"
)
# Codes precede texts; errors of the account come first, as stopping wrongly costs nothing.
_CODES: dict[Meaning, str] = {
    "webhook": "^webhook_not_configured$",
    "balance": _BALANCE,
    "policy": _POLICY,
    "key": _KEY_CODE,
    "too fast": _TOO_FAST,
    "parameters": _PARAMETERS,
}
_TEXTS: dict[Meaning, str] = {
    "too fast": _TOO_FAST,  # "quota exceeded for requests per minute"
    "balance": _BALANCE,
    "policy": _POLICY,
    "key": _KEY_TEXT,
}


@dataclass(frozen=True)
class Refusal:
    """A parsed refusal.

    Args:
        message: Its text in a single line, at most 2,000 characters, without signed URLs.
        code: Its code, if any, as sent.
        meaning: The meaning of codes and text, if recognised.
        codes: Every word of it that may be a code, as returned by `normalised`.
        page: Whether it is HTML or XML, from a gateway or a firewall rather than the API.
    """

    message: str
    code: str | None = None
    meaning: Meaning | None = None
    codes: frozenset[str] = frozenset()
    page: bool = False


def read_refusal(payload: Any, text: str) -> Refusal:
    """Parse a refusal of any shape.

    Args:
        payload: The JSON of the body; None if it isn't JSON.
        text: The body.

    Example:
        >>> flat = {"code": "insufficient_user_quota", "message": "No quota left", "data": None}
        >>> refusal = read_refusal(flat, "")
        >>> refusal.message, refusal.code, refusal.meaning
        ('No quota left', 'insufficient_user_quota', 'balance')
    """
    if payload is None:
        page = is_page(text)
        said = readable(text_of_page(text) if page else text)
        codes = frozenset({normalised(said)} if _may_be_code(said) else ())
        return Refusal(said or "no reason given", None, _meaning(codes, [said]), codes, page)
    fields = list(islice(_fields(payload), _FIELDS))
    texts = [readable(value) for name, value in fields if name in _TEXT_FIELDS]
    texts = texts if any(texts) else [readable(value) for _, value in fields if _is_prose(value)]
    named = [
        value for name, value in fields if name in _CODE_FIELDS and len(value) <= _LONGEST_CODE
    ]
    words = frozenset(map(normalised, [*named, *filter(_may_be_code, texts)]))
    said = readable("; ".join(dict.fromkeys(filter(None, texts))))
    return Refusal(
        said or as_code(next(iter(named), None)) or readable(text) or "no reason given",
        _code(fields),
        _meaning(words, texts),
        words,
    )


def refuses_by_code(payload: Any) -> bool:
    """Whether a reply's `code` says that the request was refused; [W] the HTTP status may be 200.

    Example:
        >>> refuses_by_code({"code": 500, "data": {"id": "a"}}), refuses_by_code({"code": 10000})
        (True, False)
    """
    code = text_of(payload.get("code")) if isinstance(payload, dict) else None
    if code is None or len(code) > _LONGEST_CODE:
        return False
    is_status = re.fullmatch("[45][0-9]{2}", code) is not None
    return is_status or _first(_CODES, [normalised(code)]) is not None


def says_no_balance(payload: Any, refusal: Refusal) -> bool:
    """Whether a reply of any HTTP status has the code of an insufficient balance.

    Its text alone isn't sufficient, nor is a code next to a possible task.

    Args:
        payload: The JSON of the body.
        refusal: As returned by `read_refusal`.

    Example:
        >>> body = {"success": False, "code": "insufficient_user_quota", "data": None}
        >>> says_no_balance(body, read_refusal(body, ""))
        True
    """
    if not isinstance(payload, Mapping) or payload.get("success") is not False:
        return False
    return not payload.get("data") and _first(_CODES, refusal.codes) == "balance"


def normalised(word: str) -> str:
    """A code in snake case, whatever its spelling.

    Example:
        >>> normalised("InsufficientQuota"), normalised("INSUFFICIENT QUOTA")
        ('insufficient_quota', 'insufficient_quota')
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word)
    return re.sub(r"[\W_]+", "_", apart).strip("_").lower()


def _meaning(codes: Collection[str], texts: Iterable[str]) -> Meaning | None:
    return _first(_CODES, codes) or _first(_TEXTS, [normalised(text) for text in texts])


def _first(patterns: Mapping[Meaning, str], words: Collection[str]) -> Meaning | None:
    for meaning, pattern in patterns.items():
        if any(re.search(pattern, word) for word in words):
            return meaning
    return None


def _code(fields: Iterable[tuple[str, str]]) -> str | None:
    """The code, from the documented field first, then from others such as `type`."""
    known = dict(reversed(list(fields)))
    for name in ("code", "error_code", "errorcode", "err_code", "errcode", "type", "error_type"):
        if name in known and len(known[name]) <= _LONGEST_CODE:
            return as_code(known[name])
    return None


def _may_be_code(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z][\w.:/-]*", text) is not None and len(text) <= _LONGEST_CODE


def _is_prose(text: str) -> bool:
    """Whether a text is a sentence, rather than an id or a code."""
    return " " in text.strip() or not text.isascii()


def _fields(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every scalar value, with the name of its member."""
    if depth > _DEPTH:
        return
    if isinstance(value, Mapping):
        yield from _members(value, name, depth)
    elif isinstance(value, list):
        for item in value:
            yield from _fields(item, name, depth + 1)
    elif isinstance(value, str) and (nested := _nested(value)) is not None:
        yield from _fields(nested, name, depth + 1)
    elif text := text_of(value):
        yield name, text


def _members(value: Mapping[str, Any], name: str, depth: int) -> Iterator[tuple[str, str]]:
    where = value.get("loc")  # FastAPI: {"loc": ["body", "prompt"], "msg": "field required"}
    if isinstance(where, list) and (said := text_of(value.get("msg"))):
        yield "message", f"{'.'.join(map(str, where))}: {said}"
        yield "kind", "validation"
        yield from _fields(value.get("type"), "type", depth + 1)
        return
    for key, inner in value.items():
        known = key.lower() in _TEXT_FIELDS | _CODE_FIELDS
        if name in _BY_PARAMETER and not known and isinstance(inner, (str, list)):
            texts = [text for _, text in _fields(inner, key, depth + 1)]
            yield "message", f"{key}: {', '.join(texts)}"
        else:
            yield from _fields(inner, key.lower(), depth + 1)


def _nested(text: str) -> Any:
    """The JSON in a string; None for any other text."""
    if len(text) > _NESTED or text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
