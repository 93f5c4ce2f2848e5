"""The JSON documents in a bucket: one reader for all of them, and none is believed blindly.

A document may be empty, cut, edited by hand, copied from elsewhere, or written by a later version
of this package. What can't be relied on is an error that names the object; it concerns the shot
(or character, or upload) that the document is about, and no other.
"""

import json
import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import AfterValidator, AwareDatetime, ValidationError

from prefect_toapis.batches.errors import DocumentDamaged, DocumentTooNew
from prefect_toapis.client.sendable import too_deep
from prefect_toapis.client.urls import without_query

_YEARS = range(2000, 2101)  # sums with other times stay within what Python can represent
_FAULTS_SHOWN = 3
_DEEPEST = 100  # lists and objects within each other: more than a request that can be sent has
_ID = 26  # characters of a whole id
_OWNER = re.compile(r"(?:^|[/-])([a-z2-7]{12}|[a-z2-7]{26})$")


def _plausible(moment: datetime) -> datetime:
    if moment.year not in _YEARS:
        raise ValueError(f"the year {moment.year} is not plausible")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_plausible)]
"""A time in a document: with its zone, and in a plausible year."""


class Document(Protocol):
    """What a document is read as: a pydantic model with the version of its form."""

    version: int

    @classmethod
    def model_validate(cls, obj: Any, /) -> Any:
        """As pydantic's."""
        ...


D = TypeVar("D", bound=Document)


def read_document(
    kind: type[D],
    content: bytes,
    uri: str,
    current: int,
    mismatch: Callable[[D], str | None] = lambda _: None,
) -> D:
    """A document, once everything about it is known to be right.

    Args:
        kind: The pydantic model of its form.
        content: What the bucket has.
        uri: Where: `s3://bucket/key`, for errors.
        current: The latest version of its form that this package knows.
        mismatch: Says what doesn't fit the place where it is; None if it all fits.

    Raises:
        DocumentTooNew: A later version of this package wrote it.
        DocumentDamaged: It can't be relied on, for any other reason.

    Example:
        ```python
        plan = read_document(PlanFile, content, "s3://studio/lisbon/plan.json", PLAN_VERSION)
        ```
    """
    fields = _json_object(content, uri)
    version = fields.get("version", 1)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise DocumentDamaged(uri, "its version is not a number from 1 on")
    if version > current:
        raise DocumentTooNew(uri, version, current)
    try:
        found: D = kind.model_validate(fields)
    except ValidationError as error:
        raise DocumentDamaged(uri, _faults(error)) from None
    if fault := mismatch(found):
        raise DocumentDamaged(uri, fault)
    return found


def owner_of(folder: str) -> str | None:
    """The id, or its first 12 characters, in the name of a folder; None if it has none.

    Example:
        >>> owner_of("lisbon/tram-wide-x2k4n7q3bd5f")
        'x2k4n7q3bd5f'
    """
    found = _OWNER.search(folder)
    return found[1] if found else None


def belongs_to(identity: str, folder: str) -> bool:
    """Whether a folder is that of an identity, as far as its name says."""
    owner = owner_of(folder)
    return owner is None or identity[: len(owner)] == owner


def is_below(key: str, folder: str) -> bool:
    """Whether what a document names is inside of a folder, and is no way out of it.

    Args:
        key: Of an object, or a folder of objects.
        folder: Without a slash at its end.

    Example:
        >>> [is_below(key, "b") for key in ("b/dog/video-1.mp4", "b/../c", "/b/c", "bb/c", "b/")]
        [True, False, False, False, False]
    """
    if not key.startswith(f"{folder}/") or not key.isprintable() or "\\" in key or "%" in key:
        return False
    return not {"", ".", ".."} & set(key.removeprefix(f"{folder}/").split("/"))


def leads_to(uri: str, key: str) -> bool:
    """Whether an address can be that of a key; the bucket and its prefix may have moved."""
    return uri.startswith("s3://") and uri.endswith(f"/{key}") and without_query(uri) == uri


def _json_object(content: bytes, uri: str) -> dict[str, Any]:
    if not content.strip():
        raise DocumentDamaged(uri, "it is empty")
    try:
        found = json.loads(content, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:  # not UTF-8 is a ValueError, too
        raise DocumentDamaged(uri, f"it is not JSON ({type(error).__name__})") from None
    if not isinstance(found, dict):
        raise DocumentDamaged(uri, "it is not a JSON object")
    if fault := _unwritable(found):
        raise DocumentDamaged(uri, fault)
    return found


def _unwritable(value: dict[str, Any]) -> str | None:
    """Why it couldn't be written again, in a plan for one; None if it could."""
    if too_deep(value, _DEEPEST):
        return f"it is nested more than {_DEEPEST} deep"
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "it contains half a surrogate pair"
    return None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is not finite")
    return number


def _faults(error: ValidationError) -> str:
    """Where it is wrong, and never with the values: a document may hold anything."""
    broken = error.errors(include_url=False, include_context=False, include_input=False)
    shown = [f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in broken]
    more = len(shown) - _FAULTS_SHOWN
    return "; ".join([*shown[:_FAULTS_SHOWN], *([f"and {more} more"] if more > 0 else [])])
