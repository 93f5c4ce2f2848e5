"""What a field of a request may hold: the provider's side, independent of the client's rules."""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

Media = Literal["image", "video", "audio"]

_WEB = ("http", "https")
_SEGMENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*,\s*(\d+(?:\.\d+)?)\s*")
_TASK_ID = re.compile(r"[\w.-]+")
_MOST_ITEMS = 1_000  # of a list that the documentation doesn't limit


class Taken(Protocol):
    """What a model takes in a field."""

    @property
    def default(self) -> Any:
        """What the provider assumes where the field isn't sent; None for nothing."""
        ...

    @property
    def required(self) -> bool:
        """Whether it must be sent."""
        ...

    @property
    def media(self) -> Media | None:
        """What the files are that it refers to."""
        ...

    def faults(self, place: str, value: Any) -> Iterator[str]:
        """What is wrong with a value, each with its place."""
        ...


@dataclass(frozen=True)
class Text:
    """A string.

    Args:
        choices: The values that it may have; empty for any.
        default: As in `Taken`, and so are `required` and `media`.
        longest: In characters.
    """

    choices: tuple[str, ...] = ()
    default: str | None = None
    required: bool = False
    longest: int | None = None
    media: Media | None = None

    def faults(self, place: str, value: Any) -> Iterator[str]:
        """What is wrong with a value."""
        if not isinstance(value, str):
            yield f"{place}: it must be a string"
        elif self.required and not value.strip():
            yield f"{place}: it must not be empty"
        elif self.choices and value not in self.choices:
            yield f"{place}: choose one of {', '.join(self.choices)}"
        elif self.longest is not None and len(value) > self.longest:
            yield f"{place}: {len(value)} characters exceed the limit of {self.longest}"


@dataclass(frozen=True)
class Whole:
    """An integer.

    Args:
        low: The smallest value.
        high: The largest one.
        choices: The values that it may have; empty for any in the range.
        also: Values outside of the range, such as -1 for automatic.
        default: As in `Taken`, and so are `required` and `media`.
    """

    low: int | None = None
    high: int | None = None
    choices: tuple[int, ...] = ()
    also: tuple[int, ...] = ()
    default: int | None = None
    required: bool = False
    media: Media | None = None

    def faults(self, place: str, value: Any) -> Iterator[str]:
        """What is wrong with a value."""
        if not isinstance(value, int) or isinstance(value, bool):
            yield f"{place}: it must be an integer"
        elif self.choices:
            if value not in self.choices:
                yield f"{place}: choose one of {', '.join(map(str, self.choices))}"
        elif value not in self.also:
            yield from _range_faults(place, value, self.low, self.high)


@dataclass(frozen=True)
class Number:
    """A number between two others."""

    low: float
    high: float
    default: float | None = None
    required: bool = False
    media: Media | None = None

    def faults(self, place: str, value: Any) -> Iterator[str]:
        """What is wrong with a value."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or value != value:  # noqa: PLR0124 - JSON may hold NaN
            yield f"{place}: it must be a number"
        else:
            yield from _range_faults(place, value, self.low, self.high)


@dataclass(frozen=True)
class Flag:
    """True or false."""

    default: bool | None = False
    required: bool = False
    media: Media | None = None

    def faults(self, place: str, value: Any) -> Iterator[str]:
        """What is wrong with a value."""
        if not isinstance(value, bool):
            yield f"{place}: it must be true or false"


@dataclass(frozen=True)
class Link:
    """The URL of a file.

    Args:
        media: What the file is.
        required: As in `Taken`.
        schemes: Of the URL.
        or_task: Whether a task's id may stand in its place.
    """

    media: Media | None
    required: bool = False
    schemes: tuple[str, ...] = _WEB
    or_task: bool = False
    default: None = None

    def faults(self, place: str, value: Any) -> Iterator[str]:
        """What is wrong with a value."""
        if not isinstance(value, str):
            yield f"{place}: it must be a string"
        elif not (self.or_task and _TASK_ID.fullmatch(value)):
            why = link_fault(value, self.schemes)
            if why:
                yield f"{place}: {why}"


@dataclass(frozen=True)
class Segment:
    """A part of a clip, `"start,end"` in seconds.

    Args:
        shortest: In seconds.
        longest: In seconds.
        required: As in `Taken`.
    """

    shortest: float
    longest: float
    required: bool = False
    default: None = None
    media: Media | None = None

    def faults(self, place: str, value: Any) -> Iterator[str]:
        """What is wrong with a value."""
        match = _SEGMENT.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            yield f'{place}: write it as "start,end" in seconds, for example "1,3"'
            return
        apart = round(float(match[2]) - float(match[1]), 6)  # 2.3 - 0.3 is a little less than 2
        if not self.shortest <= apart <= self.longest:
            allowed = dict.fromkeys((f"{self.shortest:g}", f"{self.longest:g}"))
            yield f"{place}: start and end must be {' to '.join(allowed)} seconds apart"


@dataclass(frozen=True)
class Items:
    """A list.

    Args:
        each: What an item may be; None for any JSON.
        most: How many there may be.
        least: How many there must be, where the field is sent.
        required: As in `Taken`.
    """

    each: Taken | None = None
    most: int = _MOST_ITEMS
    least: int = 0
    required: bool = False
    default: None = None

    @property
    def media(self) -> Media | None:
        """What the files are that it refers to."""
        return self.each.media if self.each else None

    def faults(self, place: str, value: Any) -> Iterator[str]:
        """What is wrong with a value."""
        if not isinstance(value, list):
            yield f"{place}: it must be an array"
            return
        least = max(self.least, 1 if self.required else 0)
        if len(value) < least:
            yield f"{place}: give at least {least}"
        if len(value) > self.most:
            yield f"{place}: {len(value)} items exceed the limit of {self.most}"
            return
        for number, item in enumerate(value):
            yield from self.each.faults(f"{place}[{number}]", item) if self.each else ()
        if isinstance(self.each, Members):
            yield from self.each.count_faults(place, value)


@dataclass(frozen=True)
class Members:
    """An object.

    Args:
        fields: Its members.
        role: The member that says what an item is for.
        most: How many items of a role a list may hold.
    """

    fields: Mapping[str, Taken]
    role: str = "role"
    most: Mapping[str, int] = field(default_factory=dict)
    required: bool = False
    default: None = None

    @property
    def media(self) -> Media | None:
        """What the files are that it refers to."""
        return next((taken.media for taken in self.fields.values() if taken.media), None)

    def faults(self, place: str, value: Any) -> Iterator[str]:
        """What is wrong with a value."""
        if not isinstance(value, dict):
            yield f"{place}: it must be an object"
            return
        for name in value.keys() - self.fields.keys():
            yield f"{place}.{name}: it has no such member"
        for name, taken in self.fields.items():
            if name in value:
                yield from taken.faults(f"{place}.{name}", value[name])
            elif taken.required:
                yield f"{place}.{name}: it is required"

    def roles(self, items: list[Any]) -> Counter[str]:
        """How many items there are of each role."""
        named = (item.get(self.role) for item in items if isinstance(item, dict))
        return Counter(role for role in named if isinstance(role, str))

    def count_faults(self, place: str, items: list[Any]) -> Iterator[str]:
        """The roles of which there are too many items."""
        for role, count in self.roles(items).items():
            most = self.most.get(role, _MOST_ITEMS)
            if count > most:
                yield f"{place}: {count} items with {self.role} {role} exceed the limit of {most}"


def link_fault(url: str, schemes: tuple[str, ...] = _WEB) -> str | None:
    """Why the provider can't fetch a URL, without quoting it; None if it can.

    Args:
        url: The URL.
        schemes: Those that it may have.

    Example:
        >>> link_fault("http://127.0.0.1/a.png")
        "its host can't be reached"
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return "not a URL"
    if parts.scheme not in schemes:
        return f"not a URL of {', '.join(schemes)}"
    if parts.scheme not in _WEB:  # an asset or data: inside the provider
        return None
    if not host:
        return "it has no host"
    try:
        public = ipaddress.ip_address(host).is_global
    except ValueError:  # a name
        public = host != "localhost" and "." in host
    return None if public else "its host can't be reached"


def _range_faults(place: str, value: float, low: float | None, high: float | None) -> Iterator[str]:
    if low is not None and value < low:
        yield f"{place}: it must be at least {low:g}"
    if high is not None and value > high:
        yield f"{place}: it must be at most {high:g}"
