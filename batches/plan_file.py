"""`plan.json`: what a batch's latest plan holds, and what earlier ones left behind."""

import json
from collections.abc import Sequence

from pydantic import BaseModel, ValidationError

from prefect_toapis.batches.errors import StoreError
from prefect_toapis.batches.inventory import Inventory
from prefect_toapis.batches.plan import Shot

PLAN_FILE = "plan.json"
PLAN_VERSION = 1


class PlanFile(BaseModel):
    """The shots of a batch.

    Args:
        batch: Its name.
        plan: In words: what was stored, to buy, and its cost.
        destination: Bucket and prefix.
        shots: Those of the latest plan.
        left: Those of earlier plans that were sent, and are neither stored nor in the latest plan.
        shards: Where it is split: the ids of the shots that each run makes.
    """

    version: int = PLAN_VERSION
    batch: str
    plan: str = ""
    destination: str
    shots: list[Shot] = []
    left: list[Shot] = []
    shards: list[list[str]] = []

    def to_json(self) -> bytes:
        """What is written: no signature of a URL is in it."""
        safe = {
            "shots": [shot.unsigned() for shot in self.shots],
            "left": [shot.unsigned() for shot in self.left],
        }
        kept = self.model_copy(update=safe).model_dump(mode="json", exclude_defaults=True)
        return json.dumps({"version": self.version, **kept}, indent=1, ensure_ascii=False).encode()


def read_plan(content: bytes, key: str) -> PlanFile:
    """The plan as the bucket has it.

    Raises:
        StoreError: It can't be understood.
    """
    try:
        return PlanFile.model_validate_json(content)
    except ValidationError as error:
        raise StoreError(f"{key} is damaged, or of a later version") from error


def plan_key(batch: str) -> str:
    """Where a batch's plan is."""
    return f"{batch}/{PLAN_FILE}"


def left_behind(
    earlier: PlanFile | None, shots: Sequence[Shot], inventory: Inventory
) -> list[Shot]:
    """The shots of earlier plans that may be paid, and that nobody waits for any more.

    Args:
        earlier: The plan until now; None for a new batch.
        shots: Those of the new plan.
        inventory: What the bucket knows.
    """
    if earlier is None:
        return []
    planned = {shot.shot_id for shot in shots}
    return [
        inventory.place(shot)
        for shot in [*earlier.shots, *earlier.left]
        if shot.shot_id not in planned and inventory.knows(shot) and not inventory.has(shot)
    ]
