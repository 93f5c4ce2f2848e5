"""Every error of this package, on one page.

```
ToAPIsError                  the root: what, shot, http_status, code, request_id, retry_after,
│                            task_id, business_id, money, advice
├── InvalidRequest           a rule of the model is broken (.faults); nothing was sent
├── InvalidCatalogue         the catalogue of models that TOAPIS_CATALOGUE names can't be read
├── APIError                 the API answered, and asking again will not change it
│   ├── BadRequest           400: parameters
│   │   └── WebhookNotConfigured  a callback_url that the key has no webhook for
│   ├── Unauthorized         401, 403: the key; stops the batch
│   ├── InsufficientBalance  402: no balance; stops the batch
│   ├── NotFound             404: no such task for this key's user
│   └── PolicyRefused        422: the prompt is refused
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
│   ├── Unavailable          the service is out of order
│   ├── UnreadableReply      the reply to a query can't be understood
│   ├── EventNotTaken        Prefect did not take the event of a webhook
│   └── StoreUnavailable     the store is out of order (also a StoreError)
├── DownloadFailed           the result could not be stored as it should be
│   ├── ResultRefused        its URL is refused
│   ├── ResultExpired        it was not fetched within 24 hours; the video is lost
│   └── NotAVideo            what the URL brings is no video
├── StoreError               the bucket refuses
│   ├── StoreAccessRefused   credentials or rights
│   ├── StoreMissing         no such bucket
│   └── StoreUnavailable     out of order (also Transient)
├── WebhookRefused           a request is not taken as a webhook
│   ├── WebhookTooLarge      its body
│   ├── WebhookUnsigned      a header is missing or malformed
│   ├── WebhookForged        no signature fits
│   ├── WebhookStale         it fits, but was made more than 5 minutes away
│   └── WebhookUnreadable    the provider's own, but not understood
├── InvalidBatch             everything wrong with a plan (.faults); nothing was sent
├── ShardFailed              some shots of one shard of a batch aren't stored (.unstored)
└── BatchFailed              some shots of a finished batch failed (.manifest)
```
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prefect_toapis.client.errors import Money, SubmissionUnknown, ToAPIsError, Transient
from prefect_toapis.client.plain_text import printable

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

    advice = "Run the batch again later: it looks the submission up, and never sends it again."


class CreationUnresolved(SubmissionUnresolved):
    """A character or remix sent without an answer: nothing says it can be looked up ([A])."""

    advice = (
        "It is never sent again by itself. If a character was made of it, give its username in "
        "place of the clip. Only if you are sure that nothing came of it, delete the record: the "
        "next run then sends it once more."
    )


class StoreError(ToAPIsError):
    """The bucket does not do what is needed."""


class StoreAccessRefused(StoreError):
    """The store refuses the credentials, or they may not do this."""

    advice = "Check the credentials named here and the bucket's policy."


class StoreMissing(StoreError):
    """There is no such bucket."""

    advice = "Create the bucket, or correct its name."


class StoreUnavailable(StoreError, Transient):
    """The store does not answer, or answers that it can't now."""


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
        faults = [printable(fault) for fault in faults]
        count = f"{len(faults)} things need" if len(faults) > 1 else "One thing needs"
        listed = "".join(f"\n  - {fault}" for fault in faults[:_FAULTS_LISTED])
        if more := len(faults[_FAULTS_LISTED:]):
            listed += f"\n  and {more:,} more"
        super().__init__("")
        self.args = (faults,)
        self.faults = faults
        self.what = f"{count} to be changed before anything is bought:{listed}\n"

    def __str__(self) -> str:
        """The list, a line for each fault."""
        return f"{self.what}Nothing was spent."


class BatchFailed(ToAPIsError):
    """Some shots of a batch failed or stayed open; the others are stored.

    Args:
        what: How many of how many.
        manifest: The whole batch, with a reason on every shot that isn't stored.
    """

    advice = "See the manifest for each reason; running the batch again buys nothing it has."

    def __init__(self, what: str, manifest: "Manifest") -> None:
        super().__init__(what, money=_money(manifest))
        self.args = (what, manifest)
        self.manifest = manifest


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
        spent = len(unstored) < shots or any(one.status == "open" for one in unstored.values())
        super().__init__(what, money="maybe spent" if spent else "not spent")
        self.args = (shard, shots, unstored)
        self.unstored = unstored


def _money(manifest: "Manifest") -> Money:
    if manifest.stored:
        return "spent"
    return "maybe spent" if manifest.open else "not spent"
