"""A file of prices, named by TOAPIS_PRICES: read once per process."""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prefect_toapis.client.errors import InvalidPrices
from prefect_toapis.client.local_files import read_file, why_unreadable
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.urls import without_queries
from prefect_toapis.client.yaml_json import Bounds, Document, in_file, read_json, read_yaml
from prefect_toapis.planning.pricing import VARIABLE, Price
from prefect_toapis.planning.spec_yaml import SpecLoader

MOST_PRICES = 10_000
_BOUNDS = Bounds(length=2_000_000, values=200_000, characters=2_000_000)
_FAULTS_SHOWN = 10
_SHOWN = 100  # characters of a fault's place


class _PriceFile(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")

    prices: list[Price] = Field(max_length=MOST_PRICES)


def prices_in_use(own: Sequence[Price]) -> list[Price]:
    """Return a run's own prices, and those of the file that TOAPIS_PRICES names.

    Own prices of a model, or of a pattern, replace all prices that the file has under the same
    name. The file is read once per process.

    Args:
        own: From `settings.purchases.prices`.

    Raises:
        InvalidPrices: The file is unreadable or malformed.
    """
    path = os.environ.get(VARIABLE, "").strip()
    if not path:
        return [*own]
    if "://" in path:  # it may contain a password
        raise InvalidPrices(f"{VARIABLE} is a URL; give the path of a file")
    named = {price.model.lower() for price in own}
    return [*own, *(price for price in _read(Path(path)) if price.model.lower() not in named)]


@cache
def _read(path: Path) -> tuple[Price, ...]:
    try:
        text = read_file(path, _BOUNDS.length).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidPrices(f"{path}: it is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        raise InvalidPrices(f"{path}: {why_unreadable(error)}") from None
    return read_prices(text, str(path))


def read_prices(text: str, origin: str) -> tuple[Price, ...]:
    """Parse a file of prices: `prices:` with a list, or the list alone.

    Args:
        text: JSON if the name ends in `.json`, or else YAML.
        origin: The file's name, for messages.

    Raises:
        InvalidPrices: It is malformed.

    Example:
        >>> read_prices("[{model: grok-video-1.5, credits: 2, per: second}]", "prices.yaml")[0].per
        'second'
    """
    data = _document(text, origin).data
    if not isinstance(data, (list, dict)):
        raise InvalidPrices(f"{origin}: expected prices: with a list")
    try:
        found = _PriceFile.model_validate({"prices": data} if isinstance(data, list) else data)
    except ValidationError as error:
        broken = error.errors(include_url=False, include_context=False, include_input=False)
        faults = [f"{_place(fault['loc'])}: {fault['msg']}" for fault in broken[:_FAULTS_SHOWN]]
        more = len(broken) - len(faults)
        listed = "; ".join([*faults, *([f"and {more:,} more"] if more else [])])
        raise InvalidPrices(f"{origin}: {listed}") from None
    return tuple(found.prices)


def _document(text: str, origin: str) -> Document:
    as_json = origin.lower().endswith(".json")
    try:
        # `SpecLoader` reads 16:9 as a text, as spec files do.
        document = read_json(text, _BOUNDS) if as_json else read_yaml(text, _BOUNDS, SpecLoader)
    except ValueError as error:
        raise InvalidPrices(in_file(origin, str(error))) from None
    if document.faults:
        raise InvalidPrices(in_file(origin, "; ".join(document.faults[:_FAULTS_SHOWN])))
    return document


def _place(loc: Sequence[int | str]) -> str:
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)
    return printable(without_queries(where.removeprefix(".")), _SHOWN) or "the file"
