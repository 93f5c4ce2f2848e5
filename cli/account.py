"""`prefect-toapis balance`: the account's credits; and how commands ask the account."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from cyclopts import Parameter

from prefect_toapis.cli.command_output import CommandOutput, command_output
from prefect_toapis.client.account import Account
from prefect_toapis.flows.default_blocks import credentials_or_default, origin
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.tasks.options import account_of

T = TypeVar("T")


def balance(*, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Show the remaining credits of the account.

    The key comes from the Prefect block named "default", or else from TOAPIS_API_KEY.

    Args:
        json: Print a JSON object.
    """
    with command_output(json=json) as output:
        has = ask(output, lambda account: account.account_balance())
        output.facts(
            unlimited=has.unlimited,
            remain_credits=has.remain_credits,
            remain_dollars=has.remain_balance,
            used_credits=has.used_credits,
        )
        if has.unlimited:
            output.show("The account is unlimited.")
            return
        dollars = f" (${has.remain_balance:,.2f})" if has.remain_balance is not None else ""
        output.show(f"{_credits(has.remain_credits)} left{dollars}")
        if has.used_credits is not None:
            output.show(f"{_credits(has.used_credits)} used")


def ask(output: CommandOutput, question: Callable[[Account], Awaitable[T]]) -> T:
    """Ask the account something, and say which account it is.

    Args:
        output: Of the command.
        question: A call of the account.

    Raises:
        ValueError: There is no key.
        ToAPIsError: The API refuses, or is unavailable.
    """

    async def answer() -> T:
        credentials = await credentials_or_default(None)
        output.using(account=origin(credentials))
        with account_of(credentials, RunSettings()) as account:
            return await question(account)

    return asyncio.run(answer())


def _credits(amount: float | None) -> str:
    return "an unknown number of credits" if amount is None else f"{amount:,.0f} credits"
