"""Detects YAML values that are probably not parsed as their author intended.

`A dog #1` is `A dog` and a comment, `no` is false, `007` is seven: the author of a spec would not
notice before the video is paid.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.request_fields import is_model_field
from prefect_toapis.client.urls import without_queries
from prefect_toapis.client.yaml_json import BoundedLoader

_TEXT = re.compile(r"[-+]?\d+:\d+|\d{4}-\d\d?-\d\d?")
_COMMENT = re.compile(r"([ \t]+)#(.?)")
_PROMPTS = {"prompt", "scenes"}
_NAMES = {"name", "batch", "username", "character", "casts", "roles", "role", "remix_of", "extends"}
_OTHERS = {"url", "character_url", "image_urls", "from_task", "character_from_task", "extra"}
_BOOL = "tag:yaml.org,2002:bool"
_STR = "tag:yaml.org,2002:str"
_READ_AS = {
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:null": "nothing",
}
_INT = "tag:yaml.org,2002:int"
_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_PLAIN = re.compile(r"-?(?:0|[1-9]\d*)")
_NUMBER_ELSEWHERE = re.compile(
    r"[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+|[-+]?0o[0-7]+"
)  # in JSON, YAML 1.2
_TRUTH = {"true", "false"}
_SHOWN = 40  # characters
_QUOTES = "put it in quotes"


class SpecLoader(BoundedLoader):
    """Parses `16:9` and dates such as `2026-11-22` as text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML declares it
        **yaml.SafeLoader.yaml_implicit_resolvers,
        **{
            first: [
                ("tag:yaml.org,2002:str", _TEXT),
                *yaml.SafeLoader.yaml_implicit_resolvers[first],
            ]
            for first in "-+0123456789"
        },
    }


def cut_texts(root: yaml.Node, text: str) -> list[str]:
    """Return faults for texts truncated by an unquoted `#`, and for misread values.

    Comments are allowed after values that aren't free text, and after names if preceded by two
    spaces, as in `name: wide  # for the site`. They are not allowed on the line of a prompt.

    Args:
        root: Root node of the document.
        text: The document.
    """
    faults: list[str] = []
    for name, node in _scalars(root):
        if node.style is not None:
            continue
        if _is_cut(name, node, text):
            faults.append(f"line {_line(node)}: {name}: {_cut()}")
        elif misread := _misread_as(name, node):
            faults.append(_misread(node, *misread))
    return faults


def reading_hint(root: yaml.Node, loc: Sequence[int | str], text: str) -> str | None:
    """Return why YAML parsed a value as something other than text; None if unknown.

    Args:
        root: Root node of the document.
        loc: Location of the value in a validation error.
        text: The document.

    Example:
        >>> text = "scenes: [{name: no}]"
        >>> reading_hint(yaml.compose(text, yaml.SafeLoader), ("scenes", 0, "name"), text)
        'line 1: YAML reads no as false; put it in quotes'
    """
    node = _node_at(root, loc)
    if not isinstance(node, yaml.ScalarNode) or node.style is not None:
        return None
    if node.tag == _BOOL:
        return _misread(node, str(yaml.SafeLoader.bool_values[node.value.lower()]).lower())
    if node.tag not in _READ_AS:
        return None
    if node.value:
        return _misread(node, _READ_AS[node.tag])
    return f"line {_line(node)}: {_cut()}" if _COMMENT.match(text, node.end_mark.index) else None


def _scalars(root: yaml.Node) -> Iterator[tuple[str, yaml.ScalarNode]]:
    """Yield each scalar once, with the name of its field."""
    seen: set[int] = set()
    stack: list[tuple[str, yaml.Node]] = [("", root)]
    while stack:
        name, node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            yield name, node
        elif isinstance(node, yaml.SequenceNode):
            stack.extend((name, item) for item in reversed(node.value))
        elif isinstance(node, yaml.MappingNode):
            for key, value in reversed(node.value):
                inside = name in {"roles", "extra"} or not isinstance(key, yaml.ScalarNode)
                stack.append((name if inside else key.value, value))


def _is_cut(name: str, node: yaml.ScalarNode, text: str) -> bool:
    found = _COMMENT.match(text, node.end_mark.index)
    if found is None or node.tag not in {"tag:yaml.org,2002:str", "tag:yaml.org,2002:null"}:
        return False
    if name in _PROMPTS or name.lower().endswith("prompt"):
        return bool(node.value)
    like_text = found[2] not in {"", " ", "\t"}
    if name in _NAMES:
        return like_text or (bool(node.value) and len(found[1].expandtabs(2)) < 2)
    # `budget_credits: #100` would mean no budget.
    return like_text and (name in _OTHERS or not node.value)


def _misread_as(name: str, node: yaml.ScalarNode) -> tuple[str, str] | None:
    """Return what YAML parses an ambiguous value as, and how to write that unambiguously.

    Other fields are validated; values in `extra` are sent as parsed.
    """
    written, digits = node.value, node.value.replace("_", "")
    free = name == "extra" or (is_model_field(name) and not _is_switch(name))
    if node.tag == _INT:
        number = str(yaml.safe_load(written))
        octal = _OCTAL.fullmatch(written) and int(digits, 8) != int(digits)
        is_other = octal or (free and not _PLAIN.fullmatch(written))
        return (f"the number {number}", number) if is_other else None
    if free and node.tag == _BOOL and written.lower() not in _TRUTH:
        truth = str(yaml.safe_load(written)).lower()
        return truth, truth
    if free and node.tag == _STR and _NUMBER_ELSEWHERE.fullmatch(written):
        return "text", "all digits"
    return None


def _is_switch(name: str) -> bool:
    """Return whether a field of a model is true or false."""
    return Catalogue.current().fields[name].types() == {"boolean"}


def _node_at(root: yaml.Node, loc: Sequence[int | str]) -> yaml.Node | None:
    node: Any = root
    for step in loc:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step] if step < len(node.value) else None
        elif isinstance(node, yaml.MappingNode):
            node = _inside(node, step)
        elif isinstance(node, tuple):  # a role, created in validation from a key and its value
            node = node[step == "character"]
        else:
            return None
    return node if isinstance(node, yaml.Node) else None


def _inside(node: yaml.MappingNode, step: int | str) -> Any:
    for key, value in reversed(node.value):  # merged keys come first, and have lowest precedence
        if isinstance(key, yaml.ScalarNode) and key.value == str(step):
            return value
    pairs: list[tuple[yaml.Node, yaml.Node]] = node.value
    return pairs[step] if isinstance(step, int) and step < len(pairs) else None


def _cut() -> str:
    return "# starts a comment, which truncates the text; quote it, or move # to its own line"


def _misread(node: yaml.ScalarNode, read_as: str, instead: str = "") -> str:
    written = printable(without_queries(node.value), _SHOWN)
    what = f"line {_line(node)}: YAML reads {written} as {read_as}; {_QUOTES}"
    return f"{what}, or write {instead}" if instead else what


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1
