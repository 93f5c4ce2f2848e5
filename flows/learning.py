"""What a batch teaches the next ones: how long generations of each kind take."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prefect_toapis.batches.render_times import (
    RENDER_TIMES_FILE,
    read_render_times,
    render_times_json,
)
from prefect_toapis.batches.store import JSON
from prefect_toapis.flows.best_effort import best_effort
from prefect_toapis.flows.preflight import Ready
from prefect_toapis.tasks.steps import account_of


@asynccontextmanager
async def learning(ready: Ready) -> AsyncIterator[None]:
    """Start with what earlier batches in the bucket took, and keep what this one adds.

    It makes waiting cheaper and is worth no failure: a bucket that gives or takes no such file is
    told in the log alone.

    Args:
        ready: The batch.
    """
    with account_of(ready.credentials, ready.spec.settings) as account:
        with best_effort("How long earlier generations took isn't known"):
            await account.learn(read_render_times(await ready.store.read(RENDER_TIMES_FILE)))
        try:
            yield
        finally:
            with best_effort("How long generations took isn't kept"):
                if seen := await account.learnt():
                    await ready.store.write(RENDER_TIMES_FILE, render_times_json(seen), JSON)
