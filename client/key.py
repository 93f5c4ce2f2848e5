"""Handling of the account's key: no local variable of this package contains it in the clear.

So tracebacks with local variables, which some tools show, don't reveal it. The variables of httpx
and botocore do, so their frames are removed from tracebacks (`without_frames`).
"""

import hashlib
from collections.abc import Generator
from typing import TypeVar

import httpx
from pydantic import SecretStr

E = TypeVar("E", bound=BaseException)


class KeyAuth(httpx.Auth):
    """Adds the key to a request.

    Args:
        key: The account's key.
    """

    def __init__(self, key: SecretStr) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request once, with the key."""
        request.headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        yield request


def without_frames(error: E) -> E:
    """Remove the traceback of an error and of its causes; return the error.

    Args:
        error: Raised by a library whose frames contain the headers of a request.
    """
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        current.__traceback__ = None
        current = current.__cause__ or current.__context__
    return error


def fingerprint(key: SecretStr, root: str) -> str:
    """A digest that identifies a key at an API without revealing it.

    Args:
        key: The account's key.
        root: The API's root.
    """
    digest = hashlib.sha256(b"prefect-toapis account\n" + f"{root}\n".encode())
    digest.update(key.get_secret_value().encode())
    return digest.hexdigest()[:16]


def is_possible_key(key: SecretStr) -> bool:
    """Whether a key is non-empty and has valid characters only.

    Example:
        >>> is_possible_key(SecretStr("sk-1")), is_possible_key(SecretStr("two words"))
        (True, False)
    """
    text = key.get_secret_value()
    return bool(text) and text.isascii() and text.isprintable() and " " not in text
