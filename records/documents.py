"""Reads and checks the JSON documents in a bucket.

A document may be empty, truncated, edited by hand, copied from elsewhere, or written by a later
version of this package. A document that fails a check raises an error that names the object; the
error only affects the shot, character or upload that the document belongs to.
"""

import json
import math
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import AfterValidator, AwareDatetime, ValidationError

from prefect_toapis.client.sendable_values import too_deep
from prefect_toapis.client.urls import without_query
from prefect_toapis.errors import DocumentDamaged, DocumentTooNew

_YEARS = range(2000, 2101)  # so that arithmetic on times can't overflow
_FAULTS_SHOWN = 3
_DEEPEST = 100  # levels of nesting: more than any request that can be sent


def _plausible(moment: datetime) -> datetime:
    if moment.year not in _YEARS:
        raise ValueError(f"the year {moment.year} is not plausible")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_plausible)]
"""A time in a document: with a time zone, and in a plausible year."""


class Document(Protocol):
    """The model of a document: a pydantic model with a schema version."""

    version: int

    @classmethod
    def model_validate(cls, obj: Any, /) -> Any:
        """Validate data, as pydantic does."""
        ...


D = TypeVar("D", bound=Document)


def read_document(
    kind: type[D],
    content: bytes,
    uri: str,
    current: int,
    mismatch: Callable[[D], str | None] = lambda _: None,
) -> D:
    """Parse and check a document.

    Args:
        kind: Its pydantic model.
        content: Of the object.
        uri: Of the object, `s3://bucket/key`, for errors.
        current: The latest schema version that this release supports.
        mismatch: Returns why the document doesn't match its key; None if it does.

    Raises:
        DocumentTooNew: It was written by a later version of this package.
        DocumentDamaged: Any other check failed.

    Example:
        ```python
        plan = read_document(PlanFile, content, "s3://studio/lisbon/plan.json", PLAN_VERSION)
        ```
    """
    fields = _json_object(content, uri)
    version = fields.get("version", 1)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise DocumentDamaged(uri, "its version is not a positive integer")
    if version > current:
        raise DocumentTooNew(uri, version, current)
    try:
        found: D = kind.model_validate(fields)
    except ValidationError as error:
        raise DocumentDamaged(uri, _faults(error)) from None
    if fault := mismatch(found):
        raise DocumentDamaged(uri, fault)
    return found


def leads_to(uri: str, key: str) -> bool:
    """Return whether a URI can be that of a key, ignoring bucket and prefix, which may change."""
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
    """Return why the value couldn't be written again; None if it could."""
    if too_deep(value, _DEEPEST):
        return f"it is nested more than {_DEEPEST} levels deep"
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "it contains an unpaired surrogate"
    return None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is not finite")
    return number


def _faults(error: ValidationError) -> str:
    """Describe validation errors without values, because a document may contain secrets."""
    broken = error.errors(include_url=False, include_context=False, include_input=False)
    shown = [f"{'.'.join(map(str, fault['loc'])) or 'it'}: {fault['msg']}" for fault in broken]
    more = len(shown) - _FAULTS_SHOWN
    return "; ".join([*shown[:_FAULTS_SHOWN], *([f"and {more} more"] if more > 0 else [])])
