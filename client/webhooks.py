"""Webhooks ([D]): whether one is the provider's own, and what it tells.

Example:
    ```python
    webhook_id = verify(request.headers, body, WebhookSecrets(SecretStr(secret)), time.time())
    webhook = read_webhook(webhook_id, body)
    ```
"""

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import SecretStr

from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.failure_reasons import read_failure, read_words
from prefect_toapis.client.json_values import moment_of

ID_HEADER = "x-toapis-webhook-id"
TIMESTAMP_HEADER = "x-toapis-webhook-timestamp"
SIGNATURE_HEADER = "x-toapis-webhook-signature"
TOLERANCE_SECONDS = 300
"""How far a webhook's timestamp may be from the clock ([D]: 5 minutes)."""
TEST = "endpoint.test"

_ID = re.compile(r"[!-~]{1,200}")  # printable ASCII, as it goes into logs
_TIMESTAMP = re.compile(r"[0-9]{1,12}")  # no dots: they part what is signed
_VERSION = "v1="
_ENDINGS: dict[str, "Ending"] = {
    "generation.completed": "completed",
    "generation.failed": "failed",
}
_LONGEST_LABEL = 200  # characters of an id or a name

Ending = Literal["completed", "failed"]


class WebhookRefused(ToAPIsError):
    """A request that is not taken as a webhook; no text of it ever holds a secret or signature."""

    def __str__(self) -> str:
        """What is wrong, and what to do."""
        return f"{self.message}. {self.advice}"


class WebhookTooLarge(WebhookRefused):
    """The body is larger than any webhook."""

    advice = "It was not read to its end."


class WebhookUnsigned(WebhookRefused):
    """One of the three headers is missing, or isn't in its form."""

    advice = "The provider sends all three; see that a proxy hands them on."


class WebhookForged(WebhookRefused):
    """No signature fits: it isn't the provider's, or was changed on its way."""

    advice = (
        "If the provider sent it, compare the secret with the one that the provider shows, and "
        "see that no proxy changes the body."
    )


class WebhookStale(WebhookRefused):
    """Its signature fits, but its timestamp is more than 5 minutes away: it may be a replay."""

    advice = "If the provider sent it just now, set this machine's clock."


class WebhookUnreadable(WebhookRefused):
    """It is the provider's own, but can't be understood."""

    advice = "A newer version of this package may understand it."


@dataclass(frozen=True)
class WebhookSecrets:
    """What webhooks are signed with.

    Args:
        current: The secret that the provider shows.
        previous: The one before, for 24 hours after a rotation ([D]).

    Raises:
        ValueError: One is empty: anybody could sign with it.
    """

    current: SecretStr
    previous: SecretStr | None = None

    def __post_init__(self) -> None:
        """No secret is empty."""
        if not all(self.keys):
            raise ValueError("a webhook secret is empty: anybody could sign with it")

    @property
    def keys(self) -> list[bytes]:
        """The secrets as the bytes that sign."""
        given = [secret for secret in (self.current, self.previous) if secret is not None]
        return [secret.get_secret_value().strip().encode() for secret in given]


@dataclass(frozen=True)
class Ended:
    """The end of a generation, as a webhook tells of it. It is a hint: the status is the truth.

    Args:
        task_id: The provider's id of the generation.
        ending: How it ended.
        business_id: The caller's own id, if it gave one.
        model: By which model, where it is told.
        task_type: Such as `video`, where it is told.
        reason: Why it failed, without the queries of URLs.
    """

    task_id: str
    ending: Ending
    business_id: str | None = None
    model: str | None = None
    task_type: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Webhook:
    """What a webhook tells, without the signed URLs of results.

    Args:
        id: The same each time that the webhook is sent.
        type: `generation.completed`, `generation.failed`, `endpoint.test`, or one yet unknown.
        created_at: When the provider made it, in Unix seconds, where it is told.
        ended: The generation that ended, if it tells of one.
    """

    id: str
    type: str
    created_at: float | None = None
    ended: Ended | None = field(default=None)


def verify(headers: Mapping[str, str], body: bytes, secrets: WebhookSecrets, now: float) -> str:
    """The id of a webhook that is surely the provider's own ([D]).

    Args:
        headers: Of the request, in any case of letters.
        body: As it came, byte for byte.
        secrets: Any of them counts.
        now: The time, in Unix seconds.

    Raises:
        WebhookUnsigned: A header is missing or malformed.
        WebhookForged: No signature fits.
        WebhookStale: It was signed more than 5 minutes before or after `now`.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    webhook_id = _header(lowered, ID_HEADER, _ID)
    timestamp = _header(lowered, TIMESTAMP_HEADER, _TIMESTAMP)
    signatures = _signatures(lowered.get(SIGNATURE_HEADER, ""))
    signed = b".".join((webhook_id.encode(), timestamp.encode(), body))
    if not _any_fits(signatures, signed, secrets):
        raise WebhookForged("No signature of the webhook fits the secret")
    away = now - int(timestamp)
    if abs(away) > TOLERANCE_SECONDS:
        when = "ago" if away > 0 else "ahead"
        raise WebhookStale(f"The webhook was signed {abs(away):.0f} s {when}")
    return webhook_id


def read_webhook(webhook_id: str, body: bytes) -> Webhook:
    """What a verified webhook tells.

    Args:
        webhook_id: As `verify` returned it.
        body: Its JSON.

    Raises:
        WebhookUnreadable: It is no event, or tells of the end of a generation without its id.

    Example:
        >>> read_webhook("evt_1", b'{"type": "endpoint.test"}').type
        'endpoint.test'
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise WebhookUnreadable("The webhook's body is not JSON") from None
    kind = _label(content.get("type")) if isinstance(content, dict) else None
    if kind is None:
        raise WebhookUnreadable("The webhook's body names no type of event")
    ended = _ended(_ENDINGS[kind], content.get("data")) if kind in _ENDINGS else None
    return Webhook(webhook_id, kind, moment_of(content.get("created_at")), ended)


def _any_fits(signatures: list[bytes], signed: bytes, secrets: WebhookSecrets) -> bool:
    """Whether one is right. What would be right is in no frame that an error comes through."""
    wanted = [hmac.digest(key, signed, "sha256").hex().encode() for key in secrets.keys]
    # Each pair is compared, whichever fits: how long it takes tells nothing.
    return bool(sum(hmac.compare_digest(one, given) for one in wanted for given in signatures))


def _header(headers: dict[str, str], name: str, form: re.Pattern[str]) -> str:
    value = headers.get(name)
    if value is None:
        raise WebhookUnsigned(f"The header {name} is missing")
    if not form.fullmatch(value):
        raise WebhookUnsigned(f"The header {name} is not in its form")
    return value


def _signatures(header: str) -> list[bytes]:
    """The signatures of a version that is known; bytes, as only those may be anything."""
    parts = [part.strip() for part in header.split(",")]
    known = [part.removeprefix(_VERSION) for part in parts if part.startswith(_VERSION)]
    if not known:
        raise WebhookUnsigned(f"The header {SIGNATURE_HEADER} holds no signature of version 1")
    return [signature.encode(errors="replace") for signature in known]


def _ended(ending: Ending, data: Any) -> Ended:
    told: dict[str, Any] = data if isinstance(data, dict) else {}
    task_id = _label(told.get("task_id"))
    if task_id is None:
        raise WebhookUnreadable("The webhook tells of a generation without its id")
    error = (read_failure(told, []) or read_words(told, [])) if ending == "failed" else None
    return Ended(
        task_id=task_id,
        ending=ending,
        business_id=_label(told.get("client_business_id")),
        model=_label(told.get("model")),
        task_type=_label(told.get("task_type")),
        reason=error.message if error else None,
    )


def _label(value: Any) -> str | None:
    """An id or a name as text; None for what can't be one."""
    is_one = isinstance(value, (str, int)) and not isinstance(value, bool)
    text = str(value).strip() if is_one else ""
    return text if text.isprintable() and 0 < len(text) <= _LONGEST_LABEL else None
