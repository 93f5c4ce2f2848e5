"""Every error of this package, on one page.

```
ToAPIsError                  the root: message, shot, http_status, code, request_id, retry_after,
│                            task_id, business_id, money, advice
├── InvalidRequest           a rule of the model is broken (.faults); nothing was sent
├── InvalidCatalogue         the catalogue of models that TOAPIS_CATALOGUE names can't be read
├── APIError                 the API answered, and asking again will not change it
│   ├── BadRequest           400 and its kin: the request
│   │   └── WebhookNotConfigured  a callback_url that the key has no webhook for; stops the batch
│   ├── Unauthorized         401, or said so: the key; stops the batch
│   ├── Forbidden            403: the model isn't for this key, or a firewall refuses
│   ├── InsufficientBalance  402, or said so: no balance; stops the batch
│   ├── NotFound             404: no such task for this key's user
│   └── PolicyRefused        422, or said so: the prompt is refused
├── GenerationFailed         the provider ended the generation without a video
├── ResultMissing            completed, but without the URL of a result
├── StillRendering           the wait is over, the generation isn't
├── SubmissionUnknown        accepted or not? look up by business id before sending again
│   ├── SubmissionAbsent     looked up for long enough: the provider has no such task
│   └── SubmissionUnresolved the look-up itself gives no answer
│       └── CreationUnresolved  of a character or a remix, which can't be looked up
├── Transient                nothing was bought by it, and it is safe to do again later
│   ├── NotSent              no connection
│   ├── RateLimited          429
│   ├── Unavailable          the service is unavailable
│   ├── UnreadableReply      the reply to a query can't be understood
│   ├── EventNotTaken        Prefect did not take the event of a webhook
│   └── StoreUnavailable     the store is unavailable (also a StoreError)
├── DownloadFailed           the result could not be stored as it should be
│   ├── ResultRefused        its URL is refused
│   ├── ResultExpired        it was not fetched within 24 hours; the video is lost
│   └── NotAVideo            what the URL brings is no video
├── StoreError               the bucket refuses
│   ├── StoreAccessRefused   credentials or rights
│   │   └── ObjectRefused    what is under one key can't be read (.uri)
│   ├── StoreMissing         no such bucket
│   ├── DocumentDamaged      a JSON document in the bucket can't be relied on (.uri)
│   ├── DocumentTooNew       a later version of this package wrote it (.uri)
│   └── StoreUnavailable     unavailable for now (also Transient)
├── WebhookRefused           a request is not taken as a webhook
│   ├── WebhookTooLarge      its body
│   ├── WebhookUnsigned      a header is missing or malformed
│   ├── WebhookForged        no signature fits
│   ├── WebhookStale         it fits, but was made more than 5 minutes away
│   └── WebhookUnreadable    the provider's own, but not understood
├── InvalidBatch             everything wrong with a plan (.faults); nothing was sent
├── GenerationShared         the provider gave one generation for two submissions
├── ShardFailed              some shots of one shard of a batch aren't stored (.unstored)
└── BatchFailed              some shots of a finished batch failed (.manifest)
    └── ManifestNotWritten   the store kept a run from its end: .manifest is what it knows
```
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_toapis.batches.spending import (
    CharacterSpending,
    Spending,
    most_spent,
    spending_of,
    spent_in_words,
    spent_on,
)
from prefect_toapis.client.errors import Facts, Money, SubmissionUnknown, ToAPIsError, Transient
from prefect_toapis.client.plain_text import shown_line

if TYPE_CHECKING:
    from prefect_toapis.batches.manifest import Manifest, Unstored

_FAULTS_LISTED = 100  # in a message; an error has them all


class SubmissionAbsent(SubmissionUnknown):
    """A submission without an answer, and the provider knows no task by its business id."""

    advice = (
        "If you are sure that it was not accepted, run the batch again with "
        'settings.on_absent="resend": it goes out once more under the same business id.'
    )


class SubmissionUnresolved(SubmissionUnknown):
    """A submission without an answer, and its look-up gives none either."""

    advice = "Run the batch again later: it looks the submission up before anything is sent."


class CreationUnresolved(SubmissionUnresolved):
    """A character or remix sent without an answer: nothing says it can be looked up ([A])."""

    advice = (
        "It is never sent again by itself. If a character was made of it, give its username in "
        "place of the clip. Only if you are sure that nothing came of it, delete the record: the "
        "next run then sends it once more."
    )


class GenerationShared(ToAPIsError):
    """The provider gave one generation for two submissions: whose video it is can't be known."""

    money: Money = "maybe spent"
    advice = "Look at the video, and show the ids of both submissions to the provider."


class StoreError(ToAPIsError):
    """The bucket does not do what is needed."""

    advice = "Correct what is named."


class StoreAccessRefused(StoreError):
    """The store refuses the credentials, or they may not do this."""

    advice = "Check the credentials named here and the bucket's policy."


class ObjectRefused(StoreAccessRefused):
    """The store refuses to give what is under one key: archived, denied, or of another KMS key.

    It concerns the shot (or character, or upload) that the object is about, and no other.

    Args:
        what: As for every error.
        uri: Of the object.
    """

    advice = (
        "Restore the object if it is archived, or let these credentials read it (the bucket's "
        "policy, the object's owner, its KMS key); then run the batch again."
    )

    def __init__(self, what: str, uri: str, **facts: Unpack[Facts]) -> None:
        super().__init__(what, **facts)
        self.args = (what, uri)
        self.uri = uri


class StoreMissing(StoreError):
    """There is no such bucket."""

    advice = "Create the bucket, or correct its name."


class DocumentDamaged(StoreError):
    """A JSON document in the bucket is empty, cut, or not about what its key says.

    Args:
        uri: Of the object.
        why: What is wrong with it.
    """

    money: Money = "maybe spent"
    advice = (
        "Restore an earlier version of the object; delete it only if you are sure that it records "
        "no purchase."
    )

    def __init__(self, uri: str, why: str) -> None:
        super().__init__(f"{uri} is damaged: {why}")
        self.args = (uri, why)
        self.uri = uri


class DocumentTooNew(StoreError):
    """A JSON document in the bucket was written by a later version of this package.

    Args:
        uri: Of the object.
        version: Of its form.
        known: The latest version that is known here.
    """

    money: Money = "maybe spent"
    advice = "Upgrade prefect-toapis here; nothing was overwritten."

    def __init__(self, uri: str, version: int, known: int) -> None:
        super().__init__(
            f"{uri} was written by a later version of prefect-toapis: its form is version "
            f"{version}, and this one knows up to {known}"
        )
        self.args = (uri, version, known)
        self.uri = uri


class StoreUnavailable(StoreError, Transient):
    """The store does not answer, or answers that it can't now."""

    advice = Transient.advice


class EventNotTaken(Transient):
    """Prefect did not take the event of a webhook, or not in time."""

    advice = "The provider sends the webhook again; see that the Prefect server runs."


class InvalidBatch(ToAPIsError, ValueError):
    """A plan that can't be carried out. Nothing was sent.

    Args:
        faults: One line for each thing to change.
    """

    advice = "Change what is listed and run it again."

    def __init__(self, faults: list[str]) -> None:
        faults = list(map(shown_line, faults))
        count = f"{len(faults)} things need" if len(faults) > 1 else "One thing needs"
        listed = "".join(f"\n  - {fault}" for fault in faults[:_FAULTS_LISTED])
        if more := len(faults[_FAULTS_LISTED:]):
            listed += f"\n  and {more:,} more"
        super().__init__("")
        self.args = (faults,)
        self.faults = faults
        self.message = f"{count} to be changed before anything is bought:{listed}\n"

    def __str__(self) -> str:
        """The list, a line for each fault."""
        return f"{self.message}Nothing was spent."


class BatchFailed(ToAPIsError):
    """Some shots of a batch failed or stayed open; the others are stored.

    Args:
        what: How many of how many.
        manifest: The whole batch, with a reason on every shot that isn't stored.
        characters: What was spent on characters in this run.
    """

    advice = "See the manifest for each reason; running the batch again buys nothing it has."

    def __init__(
        self, what: str, manifest: "Manifest", characters: Sequence[CharacterSpending] = ()
    ) -> None:
        shots = spending_of(manifest.rows)
        super().__init__(
            what,
            money=most_spent(shots, characters),
            spending=spent_in_words(shots, characters),
        )
        self.args = (what, manifest, characters)
        self.manifest = manifest
        self.characters = characters


class ManifestNotWritten(BatchFailed):
    """What a run bought is safe, but the store or a fault kept the run from its end.

    `manifest` is what the run itself knows, with a row for each shot, and is kept nowhere else.
    """

    def __str__(self) -> str:
        """With every generation that the run knows, so that none is lost with the record."""
        return f"{super().__str__()}{generations_in_words(self.manifest, self.characters)}"


class ShardFailed(ToAPIsError):
    """Some shots of a shard failed or stayed open; the others are stored.

    Args:
        shard: Which, of which batch.
        shots: How many it has.
        unstored: The reason of each shot that isn't stored, by its id.
    """

    advice = "The batch's manifest has each reason; running the batch again buys nothing it has."

    def __init__(self, shard: str, shots: int, unstored: "Mapping[str, Unstored]") -> None:
        why = next(iter(unstored.values())).reason
        what = f"{shard}: {len(unstored)} of {shots} shots are not stored; the first one: {why}"
        spending = [Spending("stored", "spent")] * (shots - len(unstored))
        spending += [Spending(one.status, spent_on(one)) for one in unstored.values()]
        super().__init__(what, money=most_spent(spending), spending=spent_in_words(spending))
        self.args = (shard, shots, unstored)
        self.unstored = unstored

    def __str__(self) -> str:
        """With the generations of the shots that aren't stored."""
        known = [one.task_id for one in self.unstored.values() if one.task_id]
        listed = f" Not stored are generations {', '.join(known)}." if known else ""
        return f"{super().__str__()}{listed}"


def generations_in_words(manifest: "Manifest", characters: Sequence[CharacterSpending] = ()) -> str:
    """A line for each generation that a manifest names, and for each character."""
    known = {
        row.shot_id: f"\n  {row.label} ({row.status}): {row.task_id}"
        for row in manifest.rows
        if row.task_id
    }
    made = [f'\n  character "{one.name}": {one.task_id}' for one in characters if one.task_id]
    return "".join(["\nGenerations:", *known.values(), *made]) if known or made else ""
