"""The exception tree of this package.

```
ToAPIsError                  the root: message, shot, http_status, code, request_id, retry_after,
│                            task_id, business_id, money, advice
├── InvalidRequest           a rule of the model is broken (.faults); nothing was sent
├── InvalidCatalogue         the catalogue of models that TOAPIS_CATALOGUE names can't be read
├── InvalidPrices            the file of prices that TOAPIS_PRICES names can't be read
├── APIError                 the API answered, and asking again will not change it
│   ├── BadRequest           400 and similar: the request
│   │   └── WebhookNotConfigured  a callback_url that the key has no webhook for; stops the batch
│   ├── Unauthorized         401 or equivalent: the key; stops the batch
│   ├── Forbidden            403: the key may not use the model, or a firewall refuses
│   ├── InsufficientBalance  402 or equivalent: no balance; stops the batch
│   ├── NotFound             404: no such task for this key's user
│   └── PolicyRefused        422 or equivalent: the prompt is refused
├── GenerationFailed         the provider ended the generation without a video
├── ResultMissing            completed, but without the URL of a result
├── StillRendering           the timeout is over, but the generation isn't
├── SubmissionUnknown        accepted or not? look up by business id before sending again
│   ├── SubmissionAbsent     looked up for long enough: the provider has no such task
│   └── SubmissionUnresolved the look-up failed
│       └── CreationUnresolved  of a character or a remix, which can't be looked up
├── Transient                nothing was bought, and it is safe to retry later
│   ├── NotSent              no connection
│   ├── RateLimited          429
│   ├── Unavailable          the service is unavailable
│   ├── UnreadableReply      the reply to a query can't be parsed
│   ├── EventNotTaken        Prefect did not take the event of a webhook
│   └── StoreUnavailable     the store is unavailable (also a StoreError)
├── DownloadFailed           the result could not be stored
│   ├── ResultRefused        its URL is refused
│   ├── ResultExpired        it was not fetched within 24 hours; the video is lost
│   └── NotAVideo            the content at the URL is not a video
├── StoreError               the bucket refuses
│   ├── StoreAccessRefused   credentials or permissions
│   │   └── ObjectRefused    a single object can't be read (.uri)
│   ├── StoreMissing         no such bucket
│   ├── DocumentDamaged      a JSON document in the bucket is damaged (.uri)
│   ├── DocumentTooNew       a later version of this package wrote it (.uri)
│   └── StoreUnavailable     unavailable for now (also Transient)
├── WebhookRefused           a request is not accepted as a webhook
│   ├── WebhookTooLarge      its body
│   ├── WebhookUnsigned      a header is missing or malformed
│   ├── WebhookForged        no signature matches
│   ├── WebhookStale         a signature matches, but its time is more than 5 minutes off
│   └── WebhookUnreadable    signed by the provider, but can't be parsed
├── InvalidBatch             all faults of a plan (.faults); nothing was sent
├── GenerationShared         the provider returned the same generation for two submissions
├── ShardFailed              some shots of a shard aren't stored (.unstored)
└── BatchFailed              some shots of a finished batch failed (.manifest)
    ├── VideosRemarked       all are stored, but videos have remarks, and settings.on_remark="fail"
    └── ManifestNotWritten   the run couldn't write its manifest: .manifest has the content
```
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from typing_extensions import Unpack

from prefect_toapis.client.errors import (
    DownloadFailed,
    Facts,
    InsufficientBalance,
    Money,
    ResultExpired,
    ResultMissing,
    StillRendering,
    SubmissionUnknown,
    ToAPIsError,
    Transient,
    Unauthorized,
    WebhookNotConfigured,
)
from prefect_toapis.client.plain_text import printable, shown_line
from prefect_toapis.planning.spending import (
    CharacterSpending,
    Spending,
    most_spent,
    spending_of,
    spent_in_words,
    spent_on,
)

if TYPE_CHECKING:
    from prefect_toapis.records.stored_shots import Unstored
    from prefect_toapis.reports.manifest import Manifest


_FAULTS_LISTED = 20  # in a message; `.faults` has all
_FAULT_SHOWN = 500  # characters of a fault in a message


class SubmissionAbsent(SubmissionUnknown):
    """A submission got no answer, and the provider has no task with its business id."""

    advice = (
        "If you are sure that it was not accepted, run the batch again with "
        'settings.purchases.on_absent="resend": it goes out once more under the same business id.'
    )


class SubmissionUnresolved(SubmissionUnknown):
    """A submission got no answer, and its look-up failed."""

    advice = "Run the batch again later: it looks the submission up before sending anything."


class CreationUnresolved(SubmissionUnresolved):
    """A character or remix got no answer; looking it up is not documented ([A])."""

    advice = (
        "It is never sent again automatically. If the character exists by now, give its username "
        "instead of the clip. Only if you are sure that it was not accepted, delete the record: "
        "the next run then sends it again."
    )


class GenerationShared(ToAPIsError):
    """The provider returned the same generation for two submissions; its owner is unknown."""

    money: Money = "maybe spent"
    advice = "Check the video, and send the ids of both submissions to the provider."


class StoreError(ToAPIsError):
    """The bucket refused an operation."""

    advice = "Correct the named problem."


class StoreAccessRefused(StoreError):
    """The store refuses the credentials, or they lack a permission."""

    advice = "Check the credentials named here and the bucket's policy."


class ObjectRefused(StoreAccessRefused):
    """The store refuses to return an object: archived, denied, or encrypted with another KMS key.

    It only affects the shot, character or upload that the object belongs to.

    Args:
        what: As for every error.
        uri: Of the object.
    """

    advice = (
        "Restore the object if it is archived, or allow these credentials to read it (bucket "
        "policy, object owner, KMS key); then run the batch again."
    )

    def __init__(self, what: str, uri: str, **facts: Unpack[Facts]) -> None:
        super().__init__(what, **facts)
        self.args = (what, uri)
        self.uri = uri


class StoreMissing(StoreError):
    """There is no such bucket."""

    advice = "Create the bucket, or correct its name."


class DocumentDamaged(StoreError):
    """A JSON document in the bucket is empty, truncated, invalid, or doesn't match its key.

    Args:
        uri: Of the object.
        why: The reason.
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
        version: Of its schema.
        known: The latest version that this release supports.
    """

    money: Money = "maybe spent"
    advice = "Upgrade prefect-toapis here; nothing was overwritten."

    def __init__(self, uri: str, version: int, known: int) -> None:
        super().__init__(
            f"{uri} was written by a later version of prefect-toapis: it has schema version "
            f"{version}, and this release supports up to {known}"
        )
        self.args = (uri, version, known)
        self.uri = uri


class StoreUnavailable(StoreError, Transient):
    """The store does not answer, or reports that it is unavailable."""

    advice = Transient.advice


class EventNotTaken(Transient):
    """Prefect did not accept the event of a webhook in time."""

    advice = "The provider sends the webhook again; check that the Prefect server is running."


class InvalidBatch(ToAPIsError, ValueError):
    """A plan with faults. Nothing was sent.

    Args:
        faults: A line for each problem.
    """

    advice = "Fix the listed problems and run it again."

    def __init__(self, faults: list[str]) -> None:
        faults = list(map(shown_line, faults))
        count = f"{len(faults)} problems" if len(faults) != 1 else "1 problem"
        shown = [printable(fault, _FAULT_SHOWN) for fault in faults[:_FAULTS_LISTED]]
        listed = "".join(f"\n  - {fault}" for fault in shown)
        if more := len(faults[_FAULTS_LISTED:]):
            listed += f"\n  and {more:,} more (see the artifact of the run, --json, or .faults)"
        super().__init__("")
        self.args = (faults,)
        self.faults = faults
        self.message = f"Nothing was spent. {count} to fix before anything is submitted:{listed}"

    def __str__(self) -> str:
        """Return the message, a line for each fault."""
        return self.message


class BatchFailed(ToAPIsError):
    """Some shots of a batch failed or are open; the others are stored.

    Args:
        what: How many of how many.
        manifest: The whole batch, with a reason for every shot that isn't stored.
        characters: What was spent on characters in this run.
    """

    advice = (
        "Run the batch again for what is missing (a refused prompt has to be changed first): "
        "nothing is bought twice. The manifest has each reason."
    )

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


class VideosRemarked(BatchFailed):
    """Videos of a batch aren't as ordered, or look defective, and `settings.on_remark` is "fail".

    Raised whatever `on_failure` is. Running the batch again raises it again and buys nothing.
    """

    advice = (
        'Watch them in the gallery. settings.on_remark="retake" buys each once more; "record" '
        "accepts them."
    )


class ManifestNotWritten(BatchFailed):
    """The purchases of a run are safe, but the store or a fault prevented writing its manifest.

    `manifest` is the run's own knowledge, with a row for each shot, and is stored nowhere else.
    """

    def __str__(self) -> str:
        """Return the message with all known generations, so that none is lost."""
        return f"{super().__str__()}{generations_in_words(self.manifest, self.characters)}"


class ShardFailed(ToAPIsError):
    """Some shots of a shard failed or are open; the others are stored.

    Args:
        shard: The shard and its batch.
        shots: The number of its shots.
        unstored: The reason of each shot that isn't stored, by shot id.
    """

    advice = (
        "The batch's manifest has each reason; running the batch again never buys a stored shot "
        "again."
    )

    def __init__(self, shard: str, shots: int, unstored: "Mapping[str, Unstored]") -> None:
        why = next(iter(unstored.values())).reason
        what = f"{shard}: {len(unstored)} of {shots} shots are not stored; the first: {why}"
        spending = [Spending("stored", "spent")] * (shots - len(unstored))
        spending += [Spending(shot.status, spent_on(shot)) for shot in unstored.values()]
        super().__init__(what, money=most_spent(spending), spending=spent_in_words(spending))
        self.args = (shard, shots, unstored)
        self.unstored = unstored

    def __str__(self) -> str:
        """Return the message with the generations that aren't stored."""
        known = [shot.task_id for shot in self.unstored.values() if shot.task_id]
        listed = f" Generations not stored: {', '.join(known)}." if known else ""
        return f"{super().__str__()}{listed}"


def generations_in_words(manifest: "Manifest", characters: Sequence[CharacterSpending] = ()) -> str:
    """Return a line for each generation of a manifest, and for each character."""
    known = {
        row.shot_id: f"\n  {row.label} ({row.status}): {row.task_id}"
        for row in manifest.rows
        if row.task_id
    }
    made = [
        f'\n  character "{character.name}": {character.task_id}'
        for character in characters
        if character.task_id
    ]
    return "".join(["\nGenerations:", *known.values(), *made]) if known or made else ""


E = TypeVar("E", bound=ToAPIsError)

_ADVICE: dict[type, str] = {
    WebhookNotConfigured: (
        "Configure the webhook for this key at the provider: settings.webhooks.callback_url may "
        "differ from its URL in path and query only. Or leave settings.webhooks.callback_url empty."
    ),
    Unauthorized: "Check the API key of the ToAPIsCredentials in use (or TOAPIS_API_KEY).",
    InsufficientBalance: (
        "Top up the account, then run the batch again: it continues where it stopped."
    ),
    ResultMissing: (
        "Run the batch again to query it once more; if the URL stays missing, report the task id "
        "to the provider."
    ),
    StillRendering: "Run the batch again: it continues the wait and buys nothing twice.",
    DownloadFailed: "Run the batch again before the result expires (24 hours after completion).",
    ResultExpired: (
        'Run the batch again with settings.purchases.on_expired="rebuy" to buy the video anew.'
    ),
}


def with_batch_advice(error: E) -> E:
    """The error, with the advice for a batch in place of its class's own.

    Args:
        error: Raised by the client. Advice that the error itself carries is kept: it is about the
            cause.

    Example:
        >>> with_batch_advice(InsufficientBalance("the API refuses: No balance")).advice
        'Top up the account, then run the batch again: it continues where it stopped.'
    """
    if "advice" in vars(error):
        return error
    defining = next(kind for kind in type(error).__mro__ if "advice" in vars(kind))
    return error.add_context(advice=_ADVICE[defining]) if defining in _ADVICE else error
