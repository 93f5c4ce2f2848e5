"""The provider's clock, which a test can stop and put forward."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class ProviderClock:
    """Runs as the time does, but for what a test does with it."""

    def __init__(self) -> None:
        self._stopped_at: float | None = None
        self._ahead = 0.0

    def __call__(self) -> float:
        """The time, in Unix seconds."""
        return time.time() + self._ahead if self._stopped_at is None else self._stopped_at

    def skip(self, seconds: float) -> None:
        """Go on as if some time had passed."""
        self._ahead += seconds

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let nothing be rendered meanwhile, however slow the machine is."""
        self._stopped_at = self()
        try:
            yield
        finally:
            self._ahead = self._stopped_at - time.time()
            self._stopped_at = None
