"""The open shots of a batch: paid, or possibly paid, and not stored yet."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from prefect_toapis.client.json_values import is_moment
from prefect_toapis.client.replies import Reply
from prefect_toapis.planning.plan import Shot
from prefect_toapis.records.attempts import Attempt, latest, may_be_paid
from prefect_toapis.records.inventory import take_inventory
from prefect_toapis.records.layout import RECORDS, is_attempt
from prefect_toapis.records.stored_shots import Unstored

LIFETIME = timedelta(hours=24)  # of a result, from its completion ([D])
_DEPTH_OF_A_SHOT = 2  # batch/shot/file


@dataclass(frozen=True)
class OpenShot:
    """A shot whose latest attempt may still become a video.

    Args:
        shot: The shot.
        attempt: The recorded attempt.
        reply: The provider's status reply; None if it wasn't queried, or gave no answer.
    """

    shot: Shot
    attempt: Attempt
    reply: Reply | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the provider reports it as completed or failed."""
        return self.reply is not None and self.reply.status in {"completed", "failed"}

    @property
    def expires_at(self) -> datetime:
        """When its result expires: as the provider reports, or else the earliest possible time."""
        expiry = self._plausible_expiry
        return self.attempt.sent_at + LIFETIME if expiry is None else expiry

    @property
    def _plausible_expiry(self) -> datetime | None:
        """The provider's expiry, if it is after the submission and the completion."""
        reply = self.reply
        if reply is None or reply.expires_at is None or not is_moment(reply.expires_at):
            return None
        expiry = datetime.fromtimestamp(reply.expires_at, timezone.utc)
        contradicts = reply.completed_at is not None and reply.expiry is None
        return expiry if expiry > self.attempt.sent_at and not contradicts else None

    def in_words(self, now: datetime) -> str:
        """Describe its state, and until when it can be stored.

        Example:
            `generation video_01K8 is completed; its result is available until 22 Nov 14:02 UTC
            (3.2 hours)`
        """
        attempt = self.attempt
        if attempt.state == "sending" and attempt.failure:  # its record can't be read
            return attempt.failure
        if attempt.state == "sending":
            return (
                f"sent at {_shown(attempt.sent_at)} without an answer; it will be looked up as "
                f"{attempt.business_id}; if accepted, its result is available {self._life(now)}"
            )
        status = self.reply.in_words if self.reply else "in an unknown state"
        return (
            f"generation {attempt.task_id} is {status}; its result is available {self._life(now)}"
        )

    def unstored(self, now: datetime) -> Unstored:
        """Return its manifest entry while it isn't stored."""
        return Unstored(
            status="open",
            reason=self.in_words(now),
            task_id=self.attempt.task_id,
            business_id=self.attempt.business_id,
            reply=self._odd_reply or self.attempt.reply,
        )

    @property
    def _odd_reply(self) -> str | None:
        """The reply if it is unusable: an unknown status, or completed without a result."""
        if self.reply is None:
            return None
        odd = self.reply.status == "unknown" or (
            self.reply.status == "completed" and not self.reply.outputs
        )
        return self.reply.excerpt if odd else None

    def _life(self, now: datetime) -> str:
        is_known = self._plausible_expiry is not None
        until = f"{'' if is_known else 'at least '}until {_shown(self.expires_at)}"
        hours = (self.expires_at - now).total_seconds() / 3600
        return f"{until} ({hours:.1f} hours)" if hours > 0 else f"{until}, which has passed"


def open_shots(shots: Iterable[Shot], record: Mapping[str, Sequence[Attempt]]) -> list[OpenShot]:
    """Return the shots that may still become videos.

    Args:
        shots: Shots that aren't stored, with their existing folders.
        record: Their attempts, by the folder of their record.
    """
    found = ((shot, latest(record.get(shot.record, []))) for shot in shots)
    return [OpenShot(shot, attempt) for shot, attempt in found if attempt and may_be_paid(attempt)]


def failed_shots(
    shots: Iterable[Shot], record: Mapping[str, Sequence[Attempt]]
) -> dict[str, Unstored]:
    """Return why shots have no video according to their record, by shot id."""
    found = ((shot, latest(record.get(shot.record, []))) for shot in shots)
    return {
        shot.shot_id: Unstored(
            status="failed",
            reason=f"attempt {attempt.attempt} was {attempt.state}: {attempt.failure}",
            task_id=attempt.task_id,
            business_id=attempt.business_id,
        )
        for shot, attempt in found
        if attempt and not may_be_paid(attempt)
    }


def unstored_attempts(keys: Iterable[str]) -> dict[str, list[str]]:
    """Find the attempts of shots that aren't stored, by batch, from the keys alone.

    Args:
        keys: All keys of the bucket, or of some batches.

    Example:
        >>> unstored_attempts(["b/plan.json", "b/dog-abcdefghijkl/attempt-1.json"])
        {'b': ['b/dog-abcdefghijkl/attempt-1.json']}
    """
    below: defaultdict[str, list[str]] = defaultdict(list)
    for key in keys:
        if key.count("/") >= _DEPTH_OF_A_SHOT:
            below[_batch_of(key)].append(key)
    found: dict[str, list[str]] = {}
    for batch, batch_keys in below.items():
        inventory = take_inventory(batch, batch_keys)
        missing = {
            record for short, record in inventory.records.items() if short not in inventory.stored
        }
        attempts = [
            key for key in batch_keys if is_attempt(key) and key.rpartition("/")[0] in missing
        ]
        if attempts:
            found[batch] = attempts
    return found


def _batch_of(key: str) -> str:
    batch = key.rsplit("/", _DEPTH_OF_A_SHOT)[0]
    return batch.removesuffix(f"/{RECORDS}")


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone(timezone.utc):%d %b %H:%M} UTC"
