"""Errors of Prefect's API as sentences."""

import httpx
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL

from prefect_toapis.client.plain_text import shown_line

_UNREACHABLE = "Failed to reach API"  # Prefect raises a RuntimeError with this text
_REFUSED = (401, 403)


def api_failure(error: BaseException) -> str | None:
    """Say why Prefect's API can't be used, and what to do; None if the error isn't about it.

    Args:
        error: Raised by a call of Prefect.

    Example:
        >>> api_failure(RuntimeError("Failed to reach API at http://127.0.0.1:4200/api/"))
        'No Prefect server answers: Failed to reach API at http://127.0.0.1:4200/api/. Start it \
(`prefect server start`), or correct or unset PREFECT_API_URL.'
        >>> api_failure(ValueError("no")) is None
        True
    """
    if isinstance(error, PrefectHTTPStatusError):
        return _refusal(error.response.status_code, str(error))
    is_unreachable = isinstance(error, RuntimeError) and str(error).startswith(_UNREACHABLE)
    if not is_unreachable and not isinstance(error, httpx.HTTPError):
        return None
    why = shown_line(str(error)).rstrip("./") or type(error).__name__
    return (
        f"No Prefect server answers: {why}. Start it (`prefect server start`), or correct or "
        "unset PREFECT_API_URL."
    )


def _refusal(status: int, text: str) -> str:
    where = f"The Prefect API at {PREFECT_API_URL.value() or 'an unknown address'}"
    if status in _REFUSED:
        return (
            f"{where} refuses these credentials (HTTP {status}). Check PREFECT_API_AUTH_STRING, "
            "or for Prefect Cloud PREFECT_API_KEY."
        )
    return f"{where} answered with an error: {shown_line(text)}"
