"""How much of an allowance is there to be used now."""

import asyncio
from collections.abc import Awaitable, Callable


async def taken_at_once(take: Callable[[], Awaitable[object]]) -> int:
    """How often something may be taken before it has to be waited for.

    Args:
        take: Takes one; fewer than 15 come back in a second.
    """
    taken = 0
    while True:
        try:
            await asyncio.wait_for(take(), 0.05)
        except asyncio.TimeoutError:
            return taken
        taken += 1
