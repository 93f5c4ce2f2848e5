"""References: placeholders for files in a request, by the hash of their content.

The API accepts URLs. A file is represented by a reference to its content, so that a request is the
same wherever the file is stored; on sending, the reference is replaced by the upload's URL.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeGuard, TypeVar

from prefect_toapis.client.media import Kind
from prefect_toapis.client.model_rules import FieldRule
from prefect_toapis.client.requests import Request

T = TypeVar("T")

_REFERENCE = re.compile(r"sha256:[0-9a-f]{64}")
_NAMES = re.compile(r"[^.\[\]]+")  # in a place
_ROLE = re.compile(r"\{[^{}]*\}")
_LONGEST = 1024  # characters of a path
_MEDIA = (
    *(".jpg", ".jpeg", ".png", ".webp", ".gif"),
    *(".mp4", ".m4v", ".mov", ".webm"),
    *(".wav", ".mp3", ".m4a"),
)


def reference(sha256: str) -> str:
    """The reference to a content.

    Args:
        sha256: Of the content, in lower-case hex.

    Example:
        >>> reference("ab" * 32)[:11]
        'sha256:abab'
    """
    return f"sha256:{sha256}"


def is_reference(value: object) -> TypeGuard[str]:
    """Whether a value is a reference.

    Example:
        >>> is_reference(reference("ab" * 32)), is_reference("sha256:abab")
        (True, False)
    """
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def references_in(request: Request) -> list[str]:
    """The references in a request, each once, in order.

    Example:
        >>> from prefect_toapis.client.requests import CharacterRequest
        >>> clip = CharacterRequest(url=reference("ab" * 32), timestamps="1,3")
        >>> references_in(clip) == [reference("ab" * 32)]
        True
    """
    return list(dict.fromkeys(found for _, found in references_by_place(request)))


def references_by_place(request: Request) -> Iterator[tuple[str, str]]:
    """Each reference in a request's given fields with its place, such as `image_urls[0]`."""
    return _placed(request.given(), "")


def rule_at(place: str, rules: Mapping[str, FieldRule]) -> FieldRule | None:
    """The rule of the field at a place, such as `image_with_roles[0].url`; None if unlisted.

    Args:
        place: From `references_by_place`.
        rules: By the field's name.

    Example:
        >>> rules = {"images": FieldRule(items={"url": FieldRule(format="url", media="image")})}
        >>> rule_at("images[3].url", rules).media
        'image'
    """
    names = [name for name in _NAMES.findall(place) if not name.isdigit()]
    field, *members = names[1:] if names[0] == "metadata" else names
    rule = rules.get(field)
    for member in members:
        rule = rule.items.get(member) if rule else None
    return rule


def with_urls(value: T, urls: Mapping[str, str]) -> T:
    """A JSON value with its references replaced by URLs.

    Args:
        value: A JSON value.
        urls: The URLs of uploads, by reference. Other references are kept.

    Example:
        >>> with_urls({"images": [reference("ab" * 32)]}, {reference("ab" * 32): "https://a.b/c"})
        {'images': ['https://a.b/c']}
    """
    replaced: T = _replaced(value, urls)
    return replaced


def is_file(text: str) -> bool:
    """Whether a text is the path of a file, rather than a URL, task id, data or reference.

    Args:
        text: Given by a user for a field that takes a URL.

    Example:
        >>> [is_file(text) for text in ("s3://media/cat.png", "cat.png", "./clips/cat", "task_1")]
        [True, True, True, False]
    """
    if text.startswith("s3://"):
        return True
    if "://" in text or text.startswith("data:") or is_reference(text) or _ROLE.fullmatch(text):
        return False
    if len(text) > _LONGEST or any(character in text for character in "\r\n\0"):  # likely base64
        return False
    return "/" in text or os.sep in text or text.lower().endswith(_MEDIA)


def with_files(
    fields: Mapping[str, Any],
    rules: Mapping[str, FieldRule],
    change: Callable[[str, Kind], str],
) -> dict[str, Any]:
    """Fields of a model, with a function applied to the file paths in its media fields.

    Audio files can't be uploaded, and are left as they are.

    Args:
        fields: By name; fields may also be in `metadata`, as in `VideoRequest.extra`.
        rules: By the field's name.
        change: Takes a path and the expected kind, and returns the replacement.

    Example:
        >>> rules = {"mask": FieldRule(format="url", media="image")}
        >>> with_files({"mask": "cat.png", "seed": 7}, rules, lambda text, kind: f"{kind} {text}")
        {'mask': 'image cat.png', 'seed': 7}
    """
    changed = {name: _changed(value, rules.get(name), change) for name, value in fields.items()}
    inside = fields.get("metadata")
    if isinstance(inside, dict):
        changed["metadata"] = {
            name: _changed(value, rules.get(name), change) for name, value in inside.items()
        }
    return changed


def _changed(value: Any, rule: FieldRule | None, change: Callable[[str, Kind], str]) -> Any:
    if rule is None:
        return value
    if isinstance(value, str) and rule.media and rule.media != "audio" and is_file(value):
        return change(value, rule.media)
    if isinstance(value, list):
        return [_changed(item, rule, change) for item in value]
    if isinstance(value, dict):
        return {
            name: _changed(member, rule.items.get(name), change) for name, member in value.items()
        }
    return value


def _replaced(value: Any, urls: Mapping[str, str]) -> Any:
    if is_reference(value):
        return urls.get(value, value)
    if isinstance(value, list):
        return [_replaced(item, urls) for item in value]
    if isinstance(value, dict):
        return {name: _replaced(member, urls) for name, member in value.items()}
    return value


def _placed(value: object, place: str) -> Iterator[tuple[str, str]]:
    if is_reference(value):
        yield place, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _placed(item, f"{place}[{index}]")
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _placed(member, f"{place}.{name}" if place else name)
