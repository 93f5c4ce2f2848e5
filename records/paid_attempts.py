"""Everything that was ever bought, read from the records of a bucket, a part at a time."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from prefect_toapis.records.attempts import Attempt, may_be_paid, read_attempts
from prefect_toapis.records.inventory import take_inventory
from prefect_toapis.records.layout import UPLOADS, is_attempt
from prefect_toapis.records.store import Store

_AT_ONCE = 1000  # attempts in memory
# A record is written when its attempt is sent or later, by the store's clock.
_CLOCKS_DIFFER = timedelta(days=1)


class FolderStore(Store, Protocol):
    """A store that can list its folders."""

    async def list_folders(self, prefix: str) -> list[str]:
        """Return the names of the folders directly below a prefix."""
        ...


@dataclass(frozen=True)
class Period:
    """A period of time; None: open.

    Args:
        since: Its start.
        until: Its end, exclusive.
    """

    since: datetime | None = None
    until: datetime | None = None

    def includes(self, moment: datetime) -> bool:
        """Return whether a time is in it."""
        late_enough = self.since is None or moment >= self.since
        return late_enough and (self.until is None or moment < self.until)


async def paid_attempts(
    store: FolderStore, period: Period
) -> AsyncIterator[tuple[str, list[Attempt]]]:
    """Yield the attempts that were paid or may be, with the folder of their batch.

    `characters` and `requests` are folders of the same kind. Attempts that can't be read are
    yielded too, whenever they were sent; see `is_unreadable`.

    Args:
        store: The bucket.
        period: When they were sent.

    Raises:
        StoreError: The bucket is unavailable.
    """
    for folder in sorted(await store.list_folders("")):
        if folder != UPLOADS:
            keys = await _attempts_in(folder, store, period)
            for start in range(0, len(keys), _AT_ONCE):
                record = await read_attempts(keys[start : start + _AT_ONCE], store)
                yield folder, list(_paid(record.values(), period))


def is_unreadable(attempt: Attempt) -> bool:
    """Return whether a record exists, but can't be read: damaged, refused, or of a later version.

    Args:
        attempt: From `read_attempts`.
    """
    return attempt.state == "sending" and attempt.failure is not None


async def _attempts_in(folder: str, store: Store, period: Period) -> list[str]:
    """Return the keys of the attempts in a folder that may have been sent since a time."""
    entries = await store.list_entries(f"{folder}/")
    # Of a shot in both layouts, the earlier one's records are copies.
    records = {*take_inventory(folder, entries).records.values()}
    earliest = period.since - _CLOCKS_DIFFER if period.since else None
    return [
        key
        for key, entry in entries.items()
        if is_attempt(key)
        and key.rpartition("/")[0] in records
        and (earliest is None or entry.modified >= earliest)
    ]


def _paid(record: Iterable[Sequence[Attempt]], period: Period) -> Iterator[Attempt]:
    for attempts in record:
        for attempt in attempts:
            in_period = is_unreadable(attempt) or period.includes(attempt.sent_at)
            if in_period and may_be_paid(attempt):
                yield attempt
