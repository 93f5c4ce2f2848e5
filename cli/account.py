"""`prefect-toapis balance` and `prefect-toapis models`: the account's credits and models."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from rich.markup import escape
from rich.table import Table

from prefect_toapis.cli.console import Console
from prefect_toapis.client.account import Account
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.flows.default_blocks import credentials_or_default
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.tasks.options import account_of

T = TypeVar("T")


def balance() -> None:
    """Show the remaining credits of the account.

    The key comes from the Prefect block named "default", or else from TOAPIS_API_KEY.
    """
    console = Console()
    has = _ask(console, lambda account: account.account_balance())
    if has.unlimited:
        console.print("The account is unlimited.")
        return
    dollars = f" (${has.remain_balance:,.2f})" if has.remain_balance is not None else ""
    console.print(f"{_credits(has.remain_credits)} left{dollars}", highlight=False)
    if has.used_credits is not None:
        console.print(f"{_credits(has.used_credits)} used", highlight=False)


def models() -> None:
    """Show the models that the key may use, with their rules in the catalogue.

    The key comes from the Prefect block named "default", or else from TOAPIS_API_KEY.
    """
    console = Console()
    offered = _ask(console, lambda account: account.models())
    known = Catalogue.current().models
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("model")
    table.add_column("offered")
    table.add_column("duration in seconds")
    table.add_column("aspect ratio")
    for name in [*offered, *(name for name in known if name not in offered)]:
        fields = known[name].fields if name in known else {}
        rules = [
            ", ".join(map(str, fields[field].choices)) if field in fields else ""
            for field in ("duration", "aspect_ratio")
        ]
        unknown = [] if name in known else ["rules unknown, not checked"]
        table.add_row(name, "✓" if name in offered else "", *(unknown or rules))
    console.print(table)


def _ask(console: Console, question: Callable[[Account], Awaitable[T]]) -> T:
    async def ask() -> T:
        credentials = await credentials_or_default(None)
        with account_of(credentials, RunSettings()) as account:
            return await question(account)

    try:
        return asyncio.run(ask())
    except (ToAPIsError, ValueError) as error:
        console.print(f"[red]{escape(str(error))}[/red]", highlight=False)
        raise SystemExit(1) from None


def _credits(amount: float | None) -> str:
    return "an unknown number of credits" if amount is None else f"{amount:,.0f} credits"
