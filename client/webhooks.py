"""Webhooks ([D]): verification of their signatures, and their content.

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
"""The maximum difference between a webhook's timestamp and the clock ([D]: 5 minutes)."""
TEST = "endpoint.test"

_ID = re.compile(r"[!-~]{1,200}")  # printable ASCII, as it goes into logs
_TIMESTAMP = re.compile(r"[0-9]{1,12}")  # no dots: they separate the signed parts
_VERSION = "v1="
_ENDINGS: dict[str, "Ending"] = {
    "generation.completed": "completed",
    "generation.failed": "failed",
}
_LONGEST_LABEL = 200  # characters of an id or a name

Ending = Literal["completed", "failed"]


class WebhookRefused(ToAPIsError):
    """A webhook request is rejected; its text never contains secrets or signatures."""

    def __str__(self) -> str:
        """What is wrong, and what to do."""
        return f"{self.message}. {self.advice}"


class WebhookTooLarge(WebhookRefused):
    """The body exceeds the size limit of webhooks."""

    advice = "The rest of the body was not read."


class WebhookUnsigned(WebhookRefused):
    """A signature header is missing or malformed."""

    advice = "The provider sends three X-ToAPIs-Webhook headers; check that proxies forward them."


class WebhookForged(WebhookRefused):
    """No signature matches: the webhook isn't the provider's, or was modified in transit."""

    advice = (
        "If the provider sent it, compare the secret with the provider's, and check that no proxy "
        "changes the body."
    )


class WebhookStale(WebhookRefused):
    """The signature matches, but the timestamp is more than 5 minutes off: a possible replay."""

    advice = "If the provider sent it just now, correct this machine's clock."


class WebhookUnreadable(WebhookRefused):
    """The signature matches, but the content can't be parsed."""

    advice = "A newer version of this package may support it."


@dataclass(frozen=True)
class WebhookSecrets:
    """The secrets that webhooks are signed with.

    Args:
        current: The current secret, as shown by the provider.
        previous: The secret before, for 24 hours after a rotation ([D]).

    Raises:
        ValueError: A secret is empty.
    """

    current: SecretStr
    previous: SecretStr | None = None

    def __post_init__(self) -> None:
        """Reject empty secrets."""
        if not all(self.keys):
            raise ValueError("a webhook secret is empty: anyone could sign with it")

    @property
    def keys(self) -> list[bytes]:
        """The secrets as HMAC keys."""
        given = [secret for secret in (self.current, self.previous) if secret is not None]
        return [secret.get_secret_value().strip().encode() for secret in given]


@dataclass(frozen=True)
class Ended:
    """The end of a generation, as reported by a webhook: a hint to query its status.

    Args:
        task_id: The provider's id of the generation.
        ending: How it ended.
        business_id: The caller's own id, if given.
        model: The model, if reported.
        task_type: Such as `video`, if reported.
        reason: Why it failed; URLs are without queries.
    """

    task_id: str
    ending: Ending
    business_id: str | None = None
    model: str | None = None
    task_type: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Webhook:
    """The content of a webhook, without the signed URLs of results.

    Args:
        id: The webhook's id, the same for each delivery attempt.
        type: `generation.completed`, `generation.failed`, `endpoint.test`, or an unknown type.
        created_at: When the provider created it, in Unix seconds, if reported.
        ended: The generation that ended, if any.
    """

    id: str
    type: str
    created_at: float | None = None
    ended: Ended | None = field(default=None)


def verify(headers: Mapping[str, str], body: bytes, secrets: WebhookSecrets, now: float) -> str:
    """Verify the signature of a webhook and return its id ([D]).

    Args:
        headers: Of the request, with names in any case.
        body: The raw body.
        secrets: The accepted secrets.
        now: The current time, in Unix seconds.

    Raises:
        WebhookUnsigned: A header is missing or malformed.
        WebhookForged: No signature matches.
        WebhookStale: It was signed more than 5 minutes before or after `now`.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    webhook_id = _header(lowered, ID_HEADER, _ID)
    timestamp = _header(lowered, TIMESTAMP_HEADER, _TIMESTAMP)
    signatures = _signatures(lowered.get(SIGNATURE_HEADER, ""))
    signed = b".".join((webhook_id.encode(), timestamp.encode(), body))
    if not _any_fits(signatures, signed, secrets):
        raise WebhookForged("No signature of the webhook matches the secret")
    away = now - int(timestamp)
    if abs(away) > TOLERANCE_SECONDS:
        when = "ago" if away > 0 else "ahead"
        raise WebhookStale(f"The webhook was signed {abs(away):.0f} s {when}")
    return webhook_id


def read_webhook(webhook_id: str, body: bytes) -> Webhook:
    """Parse a verified webhook.

    Args:
        webhook_id: As returned by `verify`.
        body: Its JSON.

    Raises:
        WebhookUnreadable: It isn't an event, or lacks the id of the ended generation.

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
        raise WebhookUnreadable("The webhook's body has no event type")
    ended = _ended(_ENDINGS[kind], content.get("data")) if kind in _ENDINGS else None
    return Webhook(webhook_id, kind, moment_of(content.get("created_at")), ended)


def _any_fits(signatures: list[bytes], signed: bytes, secrets: WebhookSecrets) -> bool:
    """Whether any signature matches. The expected values are in no frame of a traceback."""
    expected = [hmac.digest(key, signed, "sha256").hex().encode() for key in secrets.keys]
    # Every pair is compared, so that the time taken reveals nothing.
    return bool(sum(hmac.compare_digest(mac, given) for mac in expected for given in signatures))


def _header(headers: dict[str, str], name: str, form: re.Pattern[str]) -> str:
    value = headers.get(name)
    if value is None:
        raise WebhookUnsigned(f"The header {name} is missing")
    if not form.fullmatch(value):
        raise WebhookUnsigned(f"The header {name} is malformed")
    return value


def _signatures(header: str) -> list[bytes]:
    """The signatures of version 1, as bytes, since `compare_digest` rejects non-ASCII strings."""
    parts = [part.strip() for part in header.split(",")]
    known = [part.removeprefix(_VERSION) for part in parts if part.startswith(_VERSION)]
    if not known:
        raise WebhookUnsigned(f"The header {SIGNATURE_HEADER} has no v1 signature")
    return [signature.encode(errors="replace") for signature in known]


def _ended(ending: Ending, data: Any) -> Ended:
    task: dict[str, Any] = data if isinstance(data, dict) else {}
    task_id = _label(task.get("task_id"))
    if task_id is None:
        raise WebhookUnreadable("The webhook has no id of the ended generation")
    error = (read_failure(task, []) or read_words(task, [])) if ending == "failed" else None
    return Ended(
        task_id=task_id,
        ending=ending,
        business_id=_label(task.get("client_business_id")),
        model=_label(task.get("model")),
        task_type=_label(task.get("task_type")),
        reason=error.message if error else None,
    )


def _label(value: Any) -> str | None:
    """An id or a name as text; None for other values."""
    is_label = isinstance(value, (str, int)) and not isinstance(value, bool)
    text = str(value).strip() if is_label else ""
    return text if text.isprintable() and 0 < len(text) <= _LONGEST_LABEL else None
