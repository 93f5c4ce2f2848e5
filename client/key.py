"""The account's key on its way: no variable of ours holds it in the clear.

A traceback that is shown with its variables, as some tools do, then doesn't show it. The variables
of httpx and botocore do, so their part of a traceback is cut off (`without_frames`).
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
        key: The account's.
    """

    def __init__(self, key: SecretStr) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request once, with the key."""
        request.headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        yield request


def without_frames(error: E) -> E:
    """The error without the frames that it came through, those of its causes included.

    Args:
        error: Of a library that has the headers of a request in its variables.
    """
    one: BaseException | None = error
    seen: set[int] = set()
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        one.__traceback__ = None
        one = one.__cause__ or one.__context__
    return error


def fingerprint(key: SecretStr, root: str) -> str:
    """Says whether two keys at an API are the same, and nothing else about them.

    Args:
        key: The account's.
        root: The API's.
    """
    digest = hashlib.sha256(b"prefect-toapis account\n" + f"{root}\n".encode())
    digest.update(key.get_secret_value().encode())
    return digest.hexdigest()[:16]


def is_possible_key(key: SecretStr) -> bool:
    """Whether a key has no characters that none has.

    Example:
        >>> is_possible_key(SecretStr("sk-1")), is_possible_key(SecretStr("two words"))
        (True, False)
    """
    text = key.get_secret_value()
    return bool(text) and text.isascii() and text.isprintable() and " " not in text
