"""Faults of a batch in words: one that many scenes share is a single line with all its rows."""

import re
from collections.abc import Iterable
from typing import NamedTuple

_FEW = 3  # faults of a kind that are listed each if their texts differ
_RANGES_SHOWN = 8
_NUMBER = re.compile(r"\d[\d,.]*")


class SceneFault(NamedTuple):
    """What is wrong with a scene, or with a shot of it.

    Args:
        text: What is wrong.
        about: What it concerns, such as `scene "tram"` or a shot's label; empty if the text says.
        row: Of the table that the scene is from; 0 if it is from none.
        kind: Equal for faults that are listed as one, although their texts differ; empty: none are.
    """

    text: str
    about: str = ""
    row: int = 0
    kind: str = ""


def merged(faults: Iterable[SceneFault], table: str = "") -> list[str]:
    """Return a line for each kind of fault.

    Args:
        faults: In any order; the first of a kind is shown.
        table: The file name of the table that the rows are of.

    Example:
        >>> merged([SceneFault("too long", f'scene "{n}"', n) for n in (2, 3, 7)], "p.csv")
        ['p.csv: rows 2-3 and 7: scene "2" (and 2 more): too long']
    """
    kinds: dict[str, dict[str, list[SceneFault]]] = {}
    for fault in faults:
        by_text = kinds.setdefault(fault.kind or fault.text, {})
        by_text.setdefault(fault.text, []).append(fault)
    lines: list[str] = []
    for by_text in kinds.values():
        alike = [fault for same in by_text.values() for fault in same]
        groups = [alike] if len(alike) > _FEW else by_text.values()
        lines += [_line(group, table) for group in groups]
    return lines


def without_numbers(text: str) -> str:
    """Return a text that is equal for texts that differ only in their numbers.

    Example:
        >>> without_numbers("image_urls[0]: 12.5 MB") == without_numbers("image_urls[1]: 11 MB")
        True
    """
    return _NUMBER.sub("0", text)


def row_ranges(rows: Iterable[int]) -> str:
    """Return row numbers in words.

    Example:
        >>> row_ranges([2]), row_ranges([9, 2, 3, 4, 7])
        ('row 2', 'rows 2-4, 7 and 9')
    """
    ranges: list[list[int]] = []
    for row in sorted(set(rows)):
        if ranges and row == ranges[-1][-1] + 1:
            ranges[-1][1:] = [row]
        else:
            ranges.append([row])
    shown = ["-".join(map(str, found)) for found in ranges[:_RANGES_SHOWN]]
    if more := sum(found[-1] - found[0] + 1 for found in ranges[_RANGES_SHOWN:]):
        shown.append(f"{more:,} more")
    listed = " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
    return f"row {listed}" if listed.isdigit() else f"rows {listed}"


def _line(alike: list[SceneFault], table: str) -> str:
    first, rows = alike[0], [fault.row for fault in alike if fault.row]
    where = f"{table}: {row_ranges(rows)}: " if rows else ""
    others = len({(fault.about, fault.text) for fault in alike}) - 1
    more = f" (and {others:,} more)" if others else ""
    if first.about:
        return f"{where}{first.about}{more}: {first.text}"
    return f"{where}{first.text}{'' if rows else more}"
