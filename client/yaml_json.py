"""Reading user-written YAML and JSON within limits, and without duplicate keys.

A few hundred bytes of YAML may expand to gigabytes by nested aliases; the expanded size is counted
while the document is composed, before its values are constructed.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.urls import without_queries

_KEY_SHOWN = 60  # characters
_DOUBLES_SHOWN = 100
_LONGEST_NUMBER = 200  # characters: YAML's 1:1:1:... takes quadratic time
_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float", "null")}
# Strings, what opens and closes, and lines; everything between is counted by its commas.
_JSON = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}\[\],\n]', re.DOTALL)


@dataclass(frozen=True)
class Bounds:
    """The limits of a document.

    Args:
        length: In bytes.
        values: The number of values, keys included, after expanding aliases.
        characters: Of all strings, likewise.
        depth: The levels of nested lists and objects.
    """

    length: int
    values: int
    characters: int
    depth: int = 50


@dataclass(frozen=True)
class Document:
    """A parsed document.

    Args:
        data: Its value, representable in JSON.
        doubles: The duplicate keys; the last value of each is in `data`.
        root: The YAML node, for finding the line of a value; None for JSON.
    """

    data: Any
    doubles: list["Double"] = field(default_factory=list)
    root: yaml.Node | None = None

    @property
    def faults(self) -> list[str]:
        """What is wrong with it, in words."""
        return [double.in_words for double in self.doubles[:_DOUBLES_SHOWN]]


class Double(NamedTuple):
    """A duplicate key of an object, with its lines."""

    key: str
    line: int
    first: int

    @property
    def shown(self) -> str:
        """The key, safe to show."""
        return repr(printable(without_queries(self.key), _KEY_SHOWN))

    @property
    def in_words(self) -> str:
        """What is wrong, and where."""
        return f"line {self.line}: {self.shown} is given twice, first in line {self.first}"


class _Extent(NamedTuple):
    """The size of a node after expanding aliases."""

    values: int
    characters: int
    depth: int


class BoundedLoader(yaml.SafeLoader):
    """A `SafeLoader` that limits the size of documents, and collects duplicate keys.

    Args:
        text: The document.
        bounds: Its limits.
    """

    def __init__(self, text: str, bounds: Bounds) -> None:
        super().__init__(text)
        self._bounds = bounds
        self._level = 0
        self._extents: dict[int, _Extent] = {}  # of lists and mappings that are complete
        self.doubles: list[Double] = []

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose the next node within the limits."""
        self._level += 1
        if self._level > self._bounds.depth:
            raise ValueError(_depth_fault(self._bounds, self.get_mark().line + 1))
        node = super().compose_node(parent, index)
        self._level -= 1
        if isinstance(node, yaml.CollectionNode) and id(node) not in self._extents:
            where = f"the alias in line {node.start_mark.line + 1} stands for what holds it"
            raise ValueError(f"Circular reference detected: {where}")
        return node

    def compose_sequence_node(self, anchor: Any) -> yaml.SequenceNode:
        """Compose a sequence."""
        node = super().compose_sequence_node(anchor)
        self._measure(node, node.value)
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping."""
        node = super().compose_mapping_node(anchor)
        self._measure(node, [part for pair in node.value for part in pair])
        self._note_doubles([key for key, _ in node.value])
        return node

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Make a number, if it isn't absurdly long."""
        self._refuse_long(node)
        return super().construct_yaml_int(node)

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        """Make a number, if it isn't absurdly long."""
        self._refuse_long(node)
        return super().construct_yaml_float(node)

    def _measure(self, node: yaml.Node, parts: list[yaml.Node]) -> None:
        bounds, inside = self._bounds, list(map(self._extent, parts))
        extent = _Extent(
            1 + sum(part.values for part in inside),
            sum(part.characters for part in inside),
            1 + max((part.depth for part in inside), default=0),
        )
        if fault := _over(bounds, extent.values, extent.characters):
            raise yaml.MarkedYAMLError(problem=fault, problem_mark=node.start_mark)
        if extent.depth > bounds.depth:
            raise ValueError(_depth_fault(bounds, node.start_mark.line + 1))
        self._extents[id(node)] = extent

    def _extent(self, node: yaml.Node) -> _Extent:
        if isinstance(node, yaml.ScalarNode):
            return _Extent(1, len(node.value), 0)
        return self._extents[id(node)]

    def _note_doubles(self, keys: list[yaml.Node]) -> None:
        lines: dict[Any, int] = {}
        for key in keys:
            if isinstance(key, yaml.ScalarNode):
                line, identity = key.start_mark.line + 1, self._identity(key)
                if identity in lines:
                    self.doubles.append(Double(key.value, line, lines[identity]))
                lines.setdefault(identity, line)

    def _identity(self, key: yaml.ScalarNode) -> Any:
        """The value by which keys are compared: `yes` equals `true`."""
        if key.tag not in _SCALARS:
            return key.tag, key.value
        try:
            return self.construct_object(key)
        except (ValueError, LookupError, yaml.YAMLError):
            return key.tag, key.value

    def _refuse_long(self, node: yaml.ScalarNode) -> None:
        if len(node.value) > _LONGEST_NUMBER:
            raise yaml.MarkedYAMLError(
                problem="a number this long can't be read", problem_mark=node.start_mark
            )


for _kind in ("int", "float"):
    BoundedLoader.add_constructor(
        f"tag:yaml.org,2002:{_kind}", getattr(BoundedLoader, f"construct_yaml_{_kind}")
    )


def in_file(origin: str, fault: str) -> str:
    """A fault of a file, with the file's name.

    Example:
        >>> in_file("prices.yaml", "line 3: expected a list")
        'prices.yaml, line 3: expected a list'
    """
    return f"{origin}{', ' if fault.startswith('line ') else ': '}{fault}"


def read_yaml(
    text: str, bounds: Bounds, loader: Callable[[str, Bounds], BoundedLoader] = BoundedLoader
) -> Document:
    r"""Read a YAML document.

    Args:
        text: Of the file.
        bounds: Its limits.
        loader: A loader that reads some values differently.

    Raises:
        ValueError: It can't be parsed; the message has the place, but none of the text.

    Example:
        >>> read_yaml("a: 1\nb: 2\na: 3\n", Bounds(100, 100, 100)).faults
        ["line 3: 'a' is given twice, first in line 1"]
    """
    try:
        made = loader(text, bounds)
        root = made.get_single_node()
        data = made.construct_document(root) if root is not None else None
        _holdable(data)
    except yaml.YAMLError as error:
        raise ValueError(_where(error, text)) from None
    # PyYAML's constructors raise these as they are, for example on `!!bool maybe`.
    except (TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None
    return Document(data, made.doubles, root)


def read_json(text: str, bounds: Bounds) -> Document:
    r"""Read a JSON document.

    Raises:
        ValueError: It can't be parsed; the message has the place, but none of the text.

    Example:
        >>> read_json('{"a": 1,\n "a": 2}', Bounds(100, 100, 100)).faults
        ["line 2: 'a' is given twice, first in line 1"]
    """
    doubles = _json_doubles(text, bounds)
    try:
        data = json.loads(text)
    except RecursionError:
        raise ValueError("maximum recursion depth exceeded") from None
    _holdable(data)
    return Document(data, doubles)


def _json_doubles(text: str, bounds: Bounds) -> list[Double]:
    """The duplicate keys. Invalid JSON is detected by `json.loads` afterwards."""
    doubles: list[Double] = []
    line, values, characters = 1, 1, 0
    open_objects: list[dict[str, int] | None] = []  # None for a list
    for found in _JSON.finditer(text):
        piece = found[0]
        if piece == "\n":
            line += 1
        elif piece in "{[":
            open_objects.append({} if piece == "{" else None)
            values += 1
            if len(open_objects) > bounds.depth:
                raise ValueError(_depth_fault(bounds, line))
        elif piece in "}]":
            del open_objects[-1:]
        elif piece == ",":
            values += 1
        else:
            characters += len(piece)
            if found[1] and open_objects and (keys := open_objects[-1]) is not None:
                values += 1
                key = _key_of(piece[: -len(found[1])])
                if key in keys:
                    doubles.append(Double(key, line, keys[key]))
                keys.setdefault(key, line)
            line += piece.count("\n")
        if fault := _over(bounds, values, characters):
            raise ValueError(fault)
    return doubles


def _key_of(token: str) -> str:
    if "\\" not in token:
        return token[1:-1]
    try:
        key: str = json.loads(token)
    except ValueError:
        return token
    return key


def _over(bounds: Bounds, values: int, characters: int) -> str | None:
    if values > bounds.values:
        return f"it has more than {bounds.values:,} values after expanding aliases"
    if characters > bounds.characters:
        return f"it has more than {bounds.characters:,} characters after expanding aliases"
    return None


def _depth_fault(bounds: Bounds, line: int) -> str:
    return f"maximum recursion depth exceeded: line {line} is nested more than {bounds.depth} deep"


def _holdable(data: Any) -> None:
    """Raise if a value can't be stored as JSON in UTF-8, as the record is."""
    json.dumps(data, ensure_ascii=False, allow_nan=False).encode()


def _where(error: yaml.YAMLError, text: str) -> str:
    """What is wrong and where, without the text around it, which may contain signed URLs."""
    if not isinstance(error, yaml.MarkedYAMLError) or not (mark := error.problem_mark):
        return " ".join(str(error).split())
    began = error.context_mark or mark
    cut = " #" in text[began.index : mark.index]
    hint = "; a # after a space begins a comment: quote it if it is text" if cut else ""
    return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}{hint}"
