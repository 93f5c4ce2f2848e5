"""What the API answers besides generations: balances, models, uploads ([D])."""

from dataclasses import dataclass
from typing import Any

from prefect_toapis.client.json_values import number_of, text_of

CREDITS_PER_USD = 200.0  # [D], where a balance doesn't tell


@dataclass(frozen=True)
class Balance:
    """What a key or an account has left ([D]). Credits are the stable unit.

    Args:
        remain_credits: What is left, in credits; None where it is unlimited or not told.
        used_credits: What was used, in credits, where it is told.
        remain_balance: What is left, in US dollars; None where it is unlimited or not told.
        unlimited: Whether nothing limits it.
        credits_per_usd: How many credits make a US dollar.
    """

    remain_credits: float | None
    used_credits: float | None
    remain_balance: float | None
    unlimited: bool
    credits_per_usd: float


def read_upload(payload: Any) -> str | None:
    """The URL of an uploaded file ([D]); None if the reply holds none.

    Example:
        >>> read_upload({"success": True, "data": {"url": "https://files.toapis.com/a.jpg"}})
        'https://files.toapis.com/a.jpg'
    """
    url = text_of(_inner(payload).get("url"))
    return url if url and url.startswith(("https://", "http://")) else None


def read_balance(payload: Any) -> Balance | None:
    """A balance ([D]); None if the reply tells none.

    Example:
        >>> read_balance({"success": True, "remain_credits": "2100"}).remain_credits
        2100.0
    """
    told = _inner(payload)
    dollars, remain = number_of(told.get("remain_balance")), number_of(told.get("remain_credits"))
    unlimited = dollars == -1 or str(told.get("unlimited_quota")).strip().lower() in {"true", "1"}
    if dollars is None and remain is None and not unlimited:
        return None
    rate = number_of(told.get("credits_per_usd")) or CREDITS_PER_USD
    if remain is None and dollars is not None:
        remain = dollars * rate
    return Balance(
        remain_credits=None if unlimited else remain,
        used_credits=number_of(told.get("used_credits")),
        remain_balance=None if unlimited else dollars,
        unlimited=unlimited,
        credits_per_usd=rate,
    )


def read_models(payload: Any) -> list[str] | None:
    """The names of models ([D]); None if the reply has no list of them.

    Example:
        >>> read_models({"success": True, "object": "list", "data": [{"id": "sora-2"}]})
        ['sora-2']
    """
    listed = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(listed, list):
        return None
    names = [text_of(one.get("id") if isinstance(one, dict) else one) for one in listed]
    return [name for name in names if name]


def _inner(payload: Any) -> dict[str, Any]:
    """What `data` holds, or the reply itself; nothing if the reply says that it went wrong."""
    if not isinstance(payload, dict) or payload.get("success") is False:
        return {}
    inner = payload.get("data")
    return inner if isinstance(inner, dict) else payload
