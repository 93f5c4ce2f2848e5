"""Proves that a provider's "no such task" is reliable, with a submission that it must know.

A submission without an answer may only be sent again if it was certainly not accepted. The provider
documents that a task can be found by its `client_business_id` ([D]), but a gateway in front of it
may not support that. So another submission is looked up the same way: a submission of the same
account that was accepted, and was sent after the lost submission or at most minutes before it. If
it is found, look-ups work, and not finding the lost submission is conclusive.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from prefect_toapis.client.replies import Reply
from prefect_toapis.errors import DocumentDamaged, DocumentTooNew, ObjectRefused
from prefect_toapis.planning.identity import FOLDER_ID
from prefect_toapis.records.attempts import Attempt, read_attempt
from prefect_toapis.records.layout import SHOT_FILE, belongs_to, is_attempt, owner_of
from prefect_toapis.records.store import Entry, Store

NEAR = timedelta(minutes=10)  # before the lost submission
_READ = 100  # records: more than a killed run leaves without an answer
_ASKED = 3  # look-ups

Find = Callable[[str], Awaitable[Reply | None]]


def candidate_keys(entries: Mapping[str, Entry], lost: Attempt) -> list[str]:
    """Return the keys of attempts that may serve as proof, nearest in time first.

    Attempts of stored shots come first, because they were accepted; after a killed run, many
    others have no answer either.

    Args:
        entries: The objects listed below the batch.
        lost: The submission without an answer.
    """
    stored = {_short_id(key) for key in entries if key.endswith(f"/{SHOT_FILE}")}
    found = {
        key: (_short_id(key) not in stored, abs(entry.modified - lost.sent_at))
        for key, entry in entries.items()
        if is_attempt(key)
        and not belongs_to(lost.shot_id, key.rpartition("/")[0])
        and entry.modified >= lost.sent_at - NEAR
    }
    return sorted(found, key=lambda key: found[key])[:_READ]


def can_prove(other: Attempt, lost: Attempt) -> bool:
    """Return whether finding another submission proves that the lost submission would be found.

    Args:
        other: The other submission, from its record.
        lost: The submission without an answer.
    """
    return (
        other.task_id is not None
        and other.remix_of is None  # looking up remixes is not documented ([A])
        and other.extends is None
        and other.shot_id != lost.shot_id
        and other.account is not None
        and other.account == lost.account
        and other.sent_at >= lost.sent_at - NEAR
    )


async def lookup_works(lost: Attempt, batch: str, store: Store, find: Find) -> bool | None:
    """Look up other submissions to find out whether look-ups work.

    Args:
        lost: The submission without an answer.
        batch: The folder of its batch, which holds the other submissions.
        store: Where the records are stored.
        find: Looks up a submission by its business id.

    Returns:
        True if the other submissions were found; False if an accepted submission wasn't found;
        None if there is no submission to prove it with.

    Raises:
        APIError: The API refuses the look-up.
        Transient: The API or the store is unavailable.
    """
    asked = 0
    for key in candidate_keys(await store.list_entries(f"{batch}/"), lost):
        other = await _read(key, store)
        if other is None or not can_prove(other, lost):
            continue
        reply = await find(other.business_id)
        if reply is None or other.task_id not in {reply.task_id, *reply.other_ids}:
            return False
        asked += 1
        if asked == _ASKED:
            break
    return True if asked else None


def _short_id(key: str) -> str:
    return (owner_of(key.rpartition("/")[0]) or "")[:FOLDER_ID]


async def _read(key: str, store: Store) -> Attempt | None:
    try:
        content = await store.read(key)
        return read_attempt(content, key, store.uri(key)) if content else None
    # Damage is reported for the shot that the record belongs to.
    except (DocumentDamaged, DocumentTooNew, ObjectRefused):
        return None
