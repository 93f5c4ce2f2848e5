"""`prefect-toapis models`: the models that the API offers, and what each takes."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from prefect_toapis.cli.account import ask
from prefect_toapis.cli.command_output import command_output
from prefect_toapis.cli.console import Console
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.field_faults import either
from prefect_toapis.client.model_rules import FieldRule, ModelRules, Section
from prefect_toapis.client.plain_text import printable
from prefect_toapis.planning.model_sheets import (
    PURPOSES,
    field_rows,
    model_sheet,
    rule_sentences,
    source_url,
)
from prefect_toapis.planning.price_files import prices_in_use
from prefect_toapis.planning.pricing import Price, prices_of_model
from prefect_toapis.planning.smallest_specs import smallest_spec

_SHOWN = 100  # characters of an argument in a message
_SECTIONS: dict[Section, str] = {
    "fields": "Fields of a video",
    "remix": "Fields of a remix",
    "extend": "Fields of an extension",
    "character": "Fields of a character",
}


@dataclass(frozen=True)
class ListedModel:
    """A model in the overview.

    Args:
        model: Its name.
        offered: Whether the API offers it now.
        known: Whether the catalogue has its rules, so that requests are checked.
        family: The models that it belongs to; empty if unknown.
        purposes: What it is for.
        duration: The accepted seconds, as display text.
    """

    model: str
    offered: bool
    known: bool
    family: str = ""
    purposes: tuple[str, ...] = ()
    duration: str = ""


def listed_models(offered: Sequence[str], catalogue: Catalogue) -> list[ListedModel]:
    """Return the models that are offered and known, then those that are only one of both.

    Args:
        offered: By the API; names are equal in any case.
        catalogue: The known models.

    Example:
        >>> own = Catalogue(models={"wan-9": ModelRules(fields={})})
        >>> [(listed.model, listed.known) for listed in listed_models(["kling-9", "WAN-9"], own)]
        [('wan-9', True), ('kling-9', False)]
    """
    names = list(dict.fromkeys(catalogue.canonical(name) for name in offered))
    models = [_listed(name, catalogue.rules_of(name), offered=True) for name in names]
    others = [name for name in catalogue.names() if name not in names]
    models += [_listed(name, catalogue.models[name], offered=False) for name in others]
    return sorted(models, key=lambda listed: (not listed.offered, not listed.known))


def models(
    model: str | None = None, *, json: Annotated[bool, Parameter(negative="")] = False
) -> None:
    """Show the models that the API offers and those that are known, or what a model takes.

    Without a model, the key comes from the Prefect block named "default", or else from
    TOAPIS_API_KEY. With a model, the API isn't asked.

    Args:
        model: Show the fields and rules of this model, and the smallest spec for it.
        json: Print a JSON object.
    """
    with command_output(json=json) as output:
        catalogue, prices = Catalogue.current(), prices_in_use([])
        if model is None:
            found = listed_models(ask(output, lambda account: account.models()), catalogue)
            output.facts(models=[asdict(listed) for listed in found])
            output.show(_overview(found))
            return
        rules = catalogue.rules_of(model)
        if rules is None:
            raise ValueError(_unknown(model, catalogue))
        name = catalogue.canonical(model)
        of_model = prices_of_model(name, prices)
        output.facts(
            **model_sheet(name, rules, catalogue),
            prices=[price.model_dump(exclude_none=True) for price in of_model],
        )
        if not json:
            _show_model(output.console, name, rules, of_model)


def _listed(name: str, rules: ModelRules | None, *, offered: bool) -> ListedModel:
    if rules is None:
        return ListedModel(name, offered=offered, known=False)
    duration = rules.fields.get("duration")
    return ListedModel(
        name,
        offered=offered,
        known=True,
        family=rules.family,
        purposes=rules.purposes,
        duration=duration.values.replace(" seconds", "") if duration else "",
    )


def _overview(found: Sequence[ListedModel]) -> Table:
    table = _table("model", "offered", "known", "seconds", "for")
    for listed in found:
        purposes = ", ".join(listed.purposes)
        table.add_row(
            escape(listed.model),
            "✓" if listed.offered else "",
            "✓" if listed.known else "",
            listed.duration,
            purposes if listed.known else "rules unknown, not checked",
        )
    return table


def _show_model(console: Console, model: str, rules: ModelRules, prices: Sequence[Price]) -> None:
    console.print(f"[bold]{escape(model)}[/bold]{escape(_also(rules))}", highlight=False)
    _show_lines(
        console,
        "",
        [", ".join(PURPOSES[purpose] for purpose in rules.purposes), source_url(rules)],
    )
    for section, title in _SECTIONS.items():
        if fields := rules.section(section):
            console.print(f"\n[dim]{title}[/dim]")
            console.print(_fields(fields))
    _show_lines(console, "Rules", [f"- {sentence}" for sentence in rule_sentences(rules)])
    _show_lines(console, "Prices", [_price_in_words(price) for price in prices])
    spec = smallest_spec(model, Catalogue.current())
    _show_lines(console, "The smallest spec", spec.splitlines() if spec else [])


def _also(rules: ModelRules) -> str:
    family = f" ({rules.family})" if rules.family else ""
    return family + (f", also called {', '.join(rules.aliases)}" if rules.aliases else "")


def _price_in_words(price: Price) -> str:
    return f"{price.in_words}: {price.credits:g} credits per {price.per}"


def _show_lines(console: Console, title: str, lines: Iterable[str]) -> None:
    """Show lines under a title, without cutting them; nothing if there are none."""
    shown = [line for line in lines if line]
    if shown and title:
        console.print(f"\n[dim]{title}[/dim]")
    for line in shown:
        console.print(escape(line), highlight=False, soft_wrap=True)


def _fields(fields: dict[str, FieldRule]) -> Table:
    table = _table("field", "sent in", "values", "default", "limits")
    for row in field_rows(fields):
        needed = "required" if row.required else ""
        limits = "; ".join(filter(None, [needed, row.limits]))
        table.add_row(*map(escape, (row.name, row.place, row.values, row.default, limits)))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _unknown(model: str, catalogue: Catalogue) -> str:
    by_lower = {name.lower(): name for name in catalogue.names()}
    near = get_close_matches(model.lower(), by_lower, n=3)
    meant = f"; did you mean {either(by_lower[name] for name in near)}?" if near else ""
    return f"{printable(model, _SHOWN)}: not in the catalogue{meant}"
