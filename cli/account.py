"""`prefect-toapis balance`: the account's credits; and how commands ask the account."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from rich.markup import escape

from prefect_toapis.cli.console import Console
from prefect_toapis.client.account import Account
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
    has = ask(console, lambda account: account.account_balance())
    if has.unlimited:
        console.print("The account is unlimited.")
        return
    dollars = f" (${has.remain_balance:,.2f})" if has.remain_balance is not None else ""
    console.print(f"{_credits(has.remain_credits)} left{dollars}", highlight=False)
    if has.used_credits is not None:
        console.print(f"{_credits(has.used_credits)} used", highlight=False)


def ask(console: Console, question: Callable[[Account], Awaitable[T]]) -> T:
    """Ask the account something; if that fails, show why and exit with 1.

    Args:
        console: Shows the error.
        question: A call of the account.
    """

    async def answer() -> T:
        credentials = await credentials_or_default(None)
        with account_of(credentials, RunSettings()) as account:
            return await question(account)

    try:
        return asyncio.run(answer())
    except (ToAPIsError, ValueError) as error:
        console.print(f"[red]{escape(str(error))}[/red]", highlight=False)
        raise SystemExit(1) from None


def _credits(amount: float | None) -> str:
    return "an unknown number of credits" if amount is None else f"{amount:,.0f} credits"
