"""The API's replies other than generations: balances, models, uploads ([D])."""

from dataclasses import dataclass
from typing import Any

from prefect_toapis.client.json_values import number_of, text_of

CREDITS_PER_USD = 200.0  # [D], where a balance doesn't say

_LISTS = ("data", "models")  # where a list of models is
_NAMES = ("id", "model", "name")  # of a model
_LEVELS = 2
_MOST_MODELS = 10_000
_LONGEST_NAME = 200  # characters


@dataclass(frozen=True)
class Balance:
    """The balance of a key or an account ([D]). Credits are the stable unit.

    Args:
        remain_credits: Remaining credits; None if unlimited or not reported.
        used_credits: Used credits; None if not reported.
        remain_balance: Remaining US dollars; None if unlimited or not reported.
        unlimited: Whether the balance is unlimited.
        credits_per_usd: Credits per US dollar.
    """

    remain_credits: float | None
    used_credits: float | None
    remain_balance: float | None
    unlimited: bool
    credits_per_usd: float


def read_upload(payload: Any) -> str | None:
    """The URL of an uploaded file ([D]); None if the reply has none.

    Example:
        >>> read_upload({"success": True, "data": {"url": "https://files.toapis.com/a.jpg"}})
        'https://files.toapis.com/a.jpg'
    """
    url = text_of(_inner(payload).get("url"))
    return url if url and url.startswith(("https://", "http://")) else None


def read_balance(payload: Any) -> Balance | None:
    """A balance ([D]); None if the reply has none.

    Example:
        >>> read_balance({"success": True, "remain_credits": "2100"}).remain_credits
        2100.0
    """
    data = _inner(payload)
    dollars, remain = number_of(data.get("remain_balance")), number_of(data.get("remain_credits"))
    unlimited = dollars == -1 or str(data.get("unlimited_quota")).strip().lower() in {"true", "1"}
    if dollars is None and remain is None and not unlimited:
        return None
    rate = number_of(data.get("credits_per_usd")) or CREDITS_PER_USD
    if remain is None and dollars is not None:
        remain = dollars * rate
    return Balance(
        remain_credits=None if unlimited else remain,
        used_credits=number_of(data.get("used_credits")),
        remain_balance=None if unlimited else dollars,
        unlimited=unlimited,
        credits_per_usd=rate,
    )


def read_models(payload: Any) -> list[str] | None:
    """The names of models ([D]), each once; None if the reply has no such list.

    [W]: the list may be in `models`, or one level deeper; its items may be strings, or objects with
    another name for `id`. Other items are ignored.

    Example:
        >>> read_models({"success": True, "object": "list", "data": [{"id": "sora-2"}]})
        ['sora-2']
    """
    listed = _listed(payload)
    if listed is None:
        return None
    found = (_name_of(item) for item in listed[:_MOST_MODELS])
    return list(dict.fromkeys(name for name in found if name and len(name) <= _LONGEST_NAME))


def _listed(payload: Any) -> list[Any] | None:
    for _ in range(_LEVELS):
        if not isinstance(payload, dict):
            return None
        payload = next((payload[name] for name in _LISTS if name in payload), None)
        if isinstance(payload, list):
            return payload
    return None


def _name_of(item: Any) -> str | None:
    if not isinstance(item, dict):
        return item.strip() or None if isinstance(item, str) else None
    return next((found for name in _NAMES if (found := text_of(item.get(name)))), None)


def _inner(payload: Any) -> dict[str, Any]:
    """The object in `data`, or else the reply itself; empty if `success` is false."""
    if not isinstance(payload, dict) or payload.get("success") is False:
        return {}
    inner = payload.get("data")
    return inner if isinstance(inner, dict) else payload
