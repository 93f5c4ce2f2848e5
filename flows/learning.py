"""What a batch teaches the next ones: how long generations of each kind take."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prefect.logging import get_run_logger

from prefect_toapis.batches.errors import StoreError
from prefect_toapis.batches.render_times import (
    RENDER_TIMES_FILE,
    read_render_times,
    render_times_json,
)
from prefect_toapis.batches.store import JSON
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
    account = account_of(ready.credentials, ready.spec.settings)
    try:
        known = read_render_times(await ready.store.read(RENDER_TIMES_FILE))
        await account.learn(known)
    except StoreError as error:
        get_run_logger().info("How long earlier generations took isn't known: %s", error.what)
    try:
        yield
    finally:
        seen = await account.learnt()
        try:
            if seen:
                await ready.store.write(RENDER_TIMES_FILE, render_times_json(seen), JSON)
        except StoreError as error:
            get_run_logger().info("How long generations took isn't kept: %s", error.what)
