"""What an account has left."""

from prefect_toapis.batches.settings import RunSettings
from prefect_toapis.blocks import ToAPIsCredentials
from prefect_toapis.client.account_replies import Balance
from prefect_toapis.tasks.calling import sync_task
from prefect_toapis.tasks.steps import account_of, step


@step("get_balance", "get balance")
async def aget_balance(
    *,
    credentials: ToAPIsCredentials,
    settings: RunSettings = RunSettings(),  # noqa: B008 - not changed
) -> Balance:
    """What the account has left, all its keys together ([D] `GET /v1/user/balance`).

    Args:
        credentials: Whose account.
        settings: Account group and share, retries.

    Returns:
        Credits and US dollars; None in them where the account is unlimited.

    Raises:
        Unauthorized: The API does not know the key.
        Transient: No usable reply; Prefect tries this task again.

    Example:
        ```python
        balance = await aget_balance(credentials=credentials)
        print(balance.remain_credits)
        ```
    """
    with account_of(credentials, settings) as account:
        return await account.account_balance()


get_balance = sync_task(aget_balance)
"""`aget_balance` for sync code."""
