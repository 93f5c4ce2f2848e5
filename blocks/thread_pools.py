"""The threads that wait for S3 and for results, so that no event loop does.

They are bounded, and apart from asyncio's own, which others use too. Transfers have threads to
themselves, so that a slow one never holds up a record.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from prefect_toapis.blocks.streaming import UPLOADS_AT_ONCE

T = TypeVar("T")

REQUESTS_AT_ONCE = 16


async def in_request_thread(work: Callable[[], T]) -> T:
    """Do what takes one short request."""
    return await asyncio.get_running_loop().run_in_executor(_for_requests(), work)


async def in_transfer_thread(work: Callable[[], T]) -> T:
    """Do what takes as long as a file is large."""
    return await asyncio.get_running_loop().run_in_executor(_for_transfers(), work)


@cache
def _for_requests() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(REQUESTS_AT_ONCE, thread_name_prefix="toapis-s3")


@cache
def _for_transfers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(UPLOADS_AT_ONCE, thread_name_prefix="toapis-transfer")
