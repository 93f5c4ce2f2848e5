"""What of a batch is open: paid, or perhaps paid, and not stored yet."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from prefect_toapis.batches.inventory import take_inventory
from prefect_toapis.batches.manifest import Unstored
from prefect_toapis.batches.plan import Shot
from prefect_toapis.batches.record import RECORDS, Attempt, is_attempt, may_be_paid
from prefect_toapis.batches.record_reading import latest
from prefect_toapis.client.json_values import is_moment
from prefect_toapis.client.replies import Reply

LIFETIME = timedelta(hours=24)  # of a result, from its completion ([D])
_DEPTH_OF_A_SHOT = 2  # batch/shot/file


@dataclass(frozen=True)
class OpenShot:
    """A shot whose latest attempt may still become a video.

    Args:
        attempt: As the record has it.
        reply: What the provider says of it; None if it wasn't asked, or doesn't tell.
    """

    shot: Shot
    attempt: Attempt
    reply: Reply | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the provider says that it is over, well or badly."""
        return self.reply is not None and self.reply.status in {"completed", "failed"}

    @property
    def expires_at(self) -> datetime:
        """When its result is gone: as the provider tells, or else at the earliest."""
        expiry = self._believed_expiry
        return self.attempt.sent_at + LIFETIME if expiry is None else expiry

    @property
    def _believed_expiry(self) -> datetime | None:
        """As the provider tells, if that lies after the submission and the completion."""
        reply = self.reply
        if reply is None or reply.expires_at is None or not is_moment(reply.expires_at):
            return None
        told = datetime.fromtimestamp(reply.expires_at, timezone.utc)
        contradicts = reply.completed_at is not None and reply.expiry is None
        return told if told > self.attempt.sent_at and not contradicts else None

    def in_words(self, now: datetime) -> str:
        """What is known of it, and until when it can be stored.

        Example:
            `generation video_01K8 is completed; its result can be fetched until 22 Nov 14:02 UTC
            (for 3.2 hours)`
        """
        attempt = self.attempt
        if attempt.state == "sending" and attempt.failure:  # its record can't be read
            return attempt.failure
        if attempt.state == "sending":
            return (
                f"sent at {_shown(attempt.sent_at)} without an answer; it is looked up as "
                f"{attempt.business_id}; if it was accepted, its result lives {self._life(now)}"
            )
        status = self.reply.in_words if self.reply else "in an unknown state"
        return f"generation {attempt.task_id} is {status}; its result lives {self._life(now)}"

    def unstored(self, now: datetime) -> Unstored:
        """Its row, while it isn't stored."""
        return Unstored(
            status="open",
            reason=self.in_words(now),
            task_id=self.attempt.task_id,
            business_id=self.attempt.business_id,
            reply=self._odd_reply or self.attempt.reply,
        )

    @property
    def _odd_reply(self) -> str | None:
        """The reply, if it can't be understood: an unknown word, or completed without a result."""
        if self.reply is None:
            return None
        odd = self.reply.status == "unknown" or (
            self.reply.status == "completed" and not self.reply.outputs
        )
        return self.reply.excerpt if odd else None

    def _life(self, now: datetime) -> str:
        surely = self._believed_expiry is not None
        until = f"{'' if surely else 'at least '}until {_shown(self.expires_at)}"
        hours = (self.expires_at - now).total_seconds() / 3600
        return f"{until} ({hours:.1f} hours)" if hours > 0 else f"{until}, which is over"


def open_shots(shots: Iterable[Shot], record: Mapping[str, Sequence[Attempt]]) -> list[OpenShot]:
    """Those that may still become videos.

    Args:
        shots: That aren't stored, where the bucket has them.
        record: Their attempts, by the folder of their record.
    """
    found = ((shot, latest(record.get(shot.record, []))) for shot in shots)
    return [OpenShot(shot, attempt) for shot, attempt in found if attempt and may_be_paid(attempt)]


def failed_shots(
    shots: Iterable[Shot], record: Mapping[str, Sequence[Attempt]]
) -> dict[str, Unstored]:
    """Why others surely have no video, by shot id, as their record tells."""
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
    """The attempts of shots that aren't stored, by their batches, as a bucket's keys tell.

    Args:
        keys: All of the bucket's, or of some batches.

    Example:
        >>> unstored_attempts(["b/plan.json", "b/dog-abcdefghijkl/attempt-1.json"])
        {'b': ['b/dog-abcdefghijkl/attempt-1.json']}
    """
    below: defaultdict[str, list[str]] = defaultdict(list)
    for key in keys:
        if key.count("/") >= _DEPTH_OF_A_SHOT:
            below[_batch_of(key)].append(key)
    found: dict[str, list[str]] = {}
    for batch, some in below.items():
        inventory = take_inventory(batch, some)
        missing = {
            record for short, record in inventory.records.items() if short not in inventory.stored
        }
        attempts = [key for key in some if is_attempt(key) and key.rpartition("/")[0] in missing]
        if attempts:
            found[batch] = attempts
    return found


def _batch_of(key: str) -> str:
    batch = key.rsplit("/", _DEPTH_OF_A_SHOT)[0]
    return batch.removesuffix(f"/{RECORDS}")


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone(timezone.utc):%d %b %H:%M} UTC"
