"""What was asked of the simulator, and what was paid."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["video", "character", "remix", "extend"]
UploadKind = Literal["image", "video"]


@dataclass
class Submission:
    """One POST that arrived. Neither paid nor refused: a fault kept it from being processed.

    Args:
        at: When it arrived, in Unix seconds.
        body: Its JSON.
        business_id: The caller's own id, if any.
        model: The model it asks for.
        task_id: The generation's id, once accepted.
        paid: Whether it was accepted, and so paid, even if the reply never went out.
        credits: What it cost.
        refunded: Whether the generation failed in the end, and the credits came back.
        refusal: The error's code, if it was refused.
        kind: What it asks for.
        remix_of: The task id of the video that is to be remixed.
        extend_of: The task id of the video that is to be extended.
    """

    at: float
    body: dict[str, Any]
    business_id: str | None = None
    model: str | None = None
    task_id: str | None = None
    paid: bool = False
    credits: float = 0
    refunded: bool = False
    refusal: str | None = None
    kind: Kind = "video"
    remix_of: str | None = None
    extend_of: str | None = None


@dataclass(frozen=True)
class Upload:
    """One file that was uploaded.

    Args:
        kind: At which of the two endpoints.
        name: As the client called it.
        size: In bytes.
        sha256: Of its content, in hexadecimal.
        url: Its URL.
    """

    kind: UploadKind
    name: str
    size: int
    sha256: str
    url: str


@dataclass(frozen=True)
class Delivery:
    """One try at delivering a webhook.

    Args:
        webhook_id: The webhook's, the same at each try.
        type: Of the event.
        task_id: The generation's; None for `endpoint.test`.
        attempt: Which try it was, from 1.
        forged: Whether it was signed with a secret that isn't the receiver's.
        status: The answer; None if there was none.
        at: When it was answered, or given up, in Unix seconds.
    """

    webhook_id: str
    type: str
    task_id: str | None
    attempt: int
    forged: bool
    status: int | None
    at: float

    @property
    def taken(self) -> bool:
        """Whether it was answered with a 2xx."""
        return self.status is not None and 200 <= self.status < 300


@dataclass
class Ledger:
    """The witness. Requests that were refused with 401 or 429 appear only in their counts.

    Args:
        submissions: Every POST that arrived, in order.
        uploads: Every file that was taken, in order.
        queries: How often each id was asked for, as it was asked (task id or business id).
        deliveries: Every try at delivering a webhook, in order.
        downloads: How often each file's content was served, by its path at the media port.
        leaked_keys: Requests at the media port that carried an Authorization header.
        throttled: Requests refused with 429.
        unauthorized: Requests refused with 401.
    """

    submissions: list[Submission] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    queries: Counter[str] = field(default_factory=Counter)
    downloads: Counter[str] = field(default_factory=Counter)
    leaked_keys: int = 0
    throttled: int = 0
    unauthorized: int = 0

    @property
    def paid(self) -> list[Submission]:
        """The submissions that were accepted, the refunded ones among them."""
        return [submission for submission in list(self.submissions) if submission.paid]

    @property
    def refunded(self) -> list[Submission]:
        """The submissions whose generation failed in the end."""
        return [submission for submission in list(self.submissions) if submission.refunded]

    @property
    def credits_spent(self) -> float:
        """What was paid and not refunded."""
        return sum(submission.credits for submission in self.paid if not submission.refunded)

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {
            **vars(self),
            "submissions": [asdict(submission) for submission in self.submissions],
            "uploads": [asdict(upload) for upload in self.uploads],
            "deliveries": [asdict(delivery) for delivery in self.deliveries],
            "credits_spent": self.credits_spent,
        }
