"""What a flow was asked for, whichever flow it was."""

from dataclasses import dataclass, field

from prefect_toapis.batches.spec import BatchSpec
from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket


@dataclass(frozen=True)
class Order:
    """A batch to be made.

    Args:
        spec: What is asked for.
        credentials: Whose account pays; None for the default.
        bucket: Where to; None for the default.
        dry_run: Plan and check only.
        faults: What is known to be wrong already.
    """

    spec: BatchSpec
    credentials: ToAPIsCredentials | None = None
    bucket: VideoBucket | None = None
    dry_run: bool = False
    faults: list[str] = field(default_factory=list)
