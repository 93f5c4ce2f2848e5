"""The account's key on its way: no variable holds it in the clear.

A traceback that is shown with its variables, as some tools do, then doesn't show it.
"""

from collections.abc import Generator

import httpx
from pydantic import SecretStr


class KeyAuth(httpx.Auth):
    """Adds the key to a request.

    Args:
        key: The account's.
    """

    def __init__(self, key: SecretStr) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request once, with the key."""
        request.headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        yield request


def is_possible_key(key: SecretStr) -> bool:
    """Whether a key has no characters that none has.

    Example:
        >>> is_possible_key(SecretStr("sk-1")), is_possible_key(SecretStr("two words"))
        (True, False)
    """
    text = key.get_secret_value()
    return bool(text) and text.isascii() and text.isprintable() and " " not in text
