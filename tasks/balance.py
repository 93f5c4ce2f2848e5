"""What an account has left."""

from prefect.cache_policies import NO_CACHE

from prefect_toapis.batches.spec import RunSettings
from prefect_toapis.blocks import ToAPIsCredentials
from prefect_toapis.client.replies import Balance
from prefect_toapis.tasks.calling import either_task
from prefect_toapis.tasks.steps import RETRY_DELAYS, account_of, is_transient


@either_task(
    task_run_name="get balance",
    retries=len(RETRY_DELAYS),
    retry_delay_seconds=RETRY_DELAYS,
    retry_condition_fn=is_transient,
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def get_balance(
    *,
    credentials: ToAPIsCredentials,
    settings: RunSettings = RunSettings(),  # noqa: B008 - not changed
) -> Balance:
    """What the account has left, all its keys together ([D] `GET /v1/user/balance`).

    Args:
        credentials: Whose account.
        settings: How long to try again.

    Returns:
        Credits and US dollars; None in them where the account is unlimited.

    Raises:
        Unauthorized: The API does not know the key.
        Transient: No usable reply; Prefect tries this task again.

    Example:
        ```python
        balance = await get_balance(credentials=credentials)
        print(balance.remain_credits)
        ```
    """
    return await account_of(credentials, settings).account_balance()
