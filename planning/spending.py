"""What was spent on the shots of a batch, as text. Pure."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from prefect_toapis.client.errors import Money

if TYPE_CHECKING:
    from prefect_toapis.records.stored_shots import Unstored
    from prefect_toapis.reports.manifest import ManifestRow, RowStatus

_PAID: dict[Money, str] = {"spent": "is paid", "maybe spent": "may be paid"}
_STORED, _OPEN = "{are} stored and paid", "{are} open, and paid unless the provider fails {them}"
_PERHAPS, _LOST, _FREE = "{are} open and may be paid", "failed, but {are} paid", "cost nothing"
_ORDER = (_STORED, _OPEN, _PERHAPS, _LOST, _FREE)


class Spending(NamedTuple):
    """Whether a shot was paid, and its status."""

    status: "RowStatus"
    money: Money


class CharacterSpending(NamedTuple):
    """Whether a character was paid; its task id, if known."""

    name: str
    money: Money
    task_id: str | None = None


def spent_on(why: "Unstored | ManifestRow") -> Money:
    """Return whether a shot was paid: as recorded, or else by its status.

    An open shot with a task id was accepted. Failed generations aren't charged ([D]).
    """
    if why.money:
        return why.money
    if why.status == "stored":
        return "spent"
    if why.status == "open":
        return "spent" if why.task_id else "maybe spent"
    return "not spent"


def spending_of(rows: Iterable["ManifestRow"]) -> list[Spending]:
    """Return the spending of each shot of a manifest; shots with several outputs count once."""
    return list({row.shot_id: Spending(row.status, spent_on(row)) for row in rows}.values())


def most_spent(shots: Iterable[Spending], characters: Iterable[CharacterSpending] = ()) -> Money:
    """Return the most certain spending: "spent" before "maybe spent" before "not spent".

    Example:
        >>> most_spent([Spending("failed", "not spent"), Spending("open", "maybe spent")])
        'maybe spent'
    """
    seen = {shot.money for shot in shots} | {character.money for character in characters}
    if "spent" in seen:
        return "spent"
    return "maybe spent" if "maybe spent" in seen else "not spent"


def spent_in_words(shots: Iterable[Spending], characters: Iterable[CharacterSpending] = ()) -> str:
    """Describe what was spent, with the number of shots.

    Args:
        shots: All shots of the batch.
        characters: Created for it in this run.

    Example:
        >>> spent_in_words([Spending("stored", "spent"), Spending("failed", "not spent")])
        'Spent: 1 of 2 shots is stored and paid; 1 cost nothing.'
    """
    shots, characters = list(shots), list(characters)
    if most_spent(shots, characters) == "not spent":
        return "Nothing was spent."
    counts = Counter(map(_in_words, shots))
    first, *others = [f"{_are(counts[words], words)}" for words in _ORDER if counts[words]] or [""]
    if first:
        count, _, rest = first.partition(" ")
        first = f"{count} of {_shots(len(shots))} {rest}"
    made = [
        f'the character "{character.name}" {_PAID[character.money]}'
        for character in characters
        if character.money != "not spent"
    ]
    return f"Spent: {'; '.join(filter(None, [first, *others, *made]))}."


def _in_words(shot: Spending) -> str:
    if shot.money == "not spent":
        return _FREE
    if shot.money == "maybe spent":
        return _PERHAPS
    return {"stored": _STORED, "failed": _LOST}.get(shot.status, _OPEN)


def _are(count: int, words: str) -> str:
    single = count == 1
    return f"{count} {words.format(are='is' if single else 'are', them='it' if single else 'them')}"


def _shots(count: int) -> str:
    return f"{count} shot{'' if count == 1 else 's'}"
