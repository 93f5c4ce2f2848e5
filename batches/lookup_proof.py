"""Whether a provider's "no such task" can be believed: proven by a submission that it must know.

A submission without an answer may be sent again only if it surely wasn't accepted. The provider
documents that a task is found by its `client_business_id` ([D]), but a gateway before it may not
know how. So another submission is looked up the same way: one of the same account that is known to
be accepted, and that was sent later than the lost one or minutes before. If that one is found, the
look-up works, and not finding the lost one is conclusive.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from prefect_toapis.batches.documents import belongs_to, owner_of
from prefect_toapis.batches.errors import DocumentDamaged, DocumentTooNew, ObjectRefused
from prefect_toapis.batches.identity import FOLDER_ID
from prefect_toapis.batches.inventory import SHOT_FILE
from prefect_toapis.batches.record import Attempt, is_attempt, read_attempt
from prefect_toapis.batches.store import Entry, Store
from prefect_toapis.client.replies import Reply

NEAR = timedelta(minutes=10)  # before the lost one was sent
_READ = 100  # records: more than one run that is killed leaves without an answer
_ASKED = 3  # look-ups

Find = Callable[[str], Awaitable[Reply | None]]


def candidate_keys(entries: Mapping[str, Entry], lost: Attempt) -> list[str]:
    """The keys of the attempts that may prove it, those nearest in time first.

    Of a run that was killed, many others are without an answer, too. So those of shots that are
    stored come before all others: they were accepted.

    Args:
        entries: What the bucket lists below the batch.
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


def _short_id(key: str) -> str:
    return (owner_of(key.rpartition("/")[0]) or "")[:FOLDER_ID]


def can_prove(other: Attempt, lost: Attempt) -> bool:
    """Whether finding another submission proves that the lost one would be found.

    Args:
        other: As its record has it.
        lost: The submission without an answer.
    """
    return (
        other.task_id is not None
        and other.remix_of is None  # no source says that a remix can be looked up ([A])
        and other.shot_id != lost.shot_id
        and other.account is not None
        and other.account == lost.account
        and other.sent_at >= lost.sent_at - NEAR
    )


async def lookup_works(lost: Attempt, batch: str, store: Store, find: Find) -> bool | None:
    """Look up other submissions, to learn whether the look-up works.

    Args:
        lost: The submission without an answer.
        batch: The folder of its batch, in which the others are.
        store: Where the records are.
        find: Looks a submission up by its business id.

    Returns:
        True if one was found; False if one wasn't, although it was accepted; None if there is
        nothing to prove it with.

    Raises:
        APIError: The API refuses the look-up.
        Transient: The API or the store doesn't answer.
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


async def _read(key: str, store: Store) -> Attempt | None:
    try:
        content = await store.read(key)
        return read_attempt(content, key, store.uri(key)) if content else None
    # What is wrong with it is reported for its own shot.
    except (DocumentDamaged, DocumentTooNew, ObjectRefused):
        return None
