"""`plan.json`: the latest plan of a batch, and orphaned shots of earlier plans."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from prefect_toapis.client.requests import (
    ExtendRequest,
    GenerationRequest,
    RemixRequest,
    VideoRequest,
)
from prefect_toapis.planning.plan import Shot
from prefect_toapis.records.attempts import Attempt
from prefect_toapis.records.documents import read_document
from prefect_toapis.records.inventory import Inventory
from prefect_toapis.records.layout import belongs_to, is_below, plan_key

PLAN_VERSION = 1


class PlanFile(BaseModel):
    """The shots of a batch.

    Args:
        batch: Name of the batch.
        plan: Summary: what was stored, to buy, and its cost.
        destination: Bucket and prefix.
        shots: The shots of the latest plan.
        left: Orphaned shots: sent by an earlier plan, not stored, and not in the latest plan.
        shards: If the batch is split: the shot ids of each shard.
        incomplete: The ids of shots whose request isn't complete here, because it has URLs with
            queries, or characters that weren't made. None: an earlier release wrote the plan.
        budget_credits: The limit for the credits of all runs of the batch; None: no limit.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    version: int = PLAN_VERSION
    batch: str
    plan: str = ""
    destination: str
    shots: list[Shot] = []
    left: list[Shot] = []
    shards: list[list[str]] = []
    incomplete: list[str] | None = None
    budget_credits: float | None = None

    def to_json(self) -> bytes:
        """Return the JSON document. URLs have no queries, except in plans that shards submit."""
        safe = {
            "shots": [shot.unsigned() if self.shards else shot.shown() for shot in self.shots],
            "left": [shot.shown() for shot in self.left],
        }
        kept = self.model_copy(update=safe).model_dump(mode="json", exclude_defaults=True)
        return json.dumps({"version": self.version, **kept}, indent=1, ensure_ascii=False).encode()


def read_plan(content: bytes, key: str, uri: str) -> PlanFile:
    """Parse and check a stored plan.

    Args:
        content: Of the object.
        key: Of the object.
        uri: Of the object, for errors.

    Raises:
        DocumentDamaged: It is damaged; running the batch again writes a new plan.
        DocumentTooNew: It was written by a later version of this package.
    """

    def mismatch(plan: PlanFile) -> str | None:
        if plan_key(plan.batch) != key:
            return f"it belongs to batch {plan.batch}"
        shots = [*plan.shots, *plan.left]
        foreign = next((shot for shot in shots if shot.batch != plan.batch), None)
        if foreign:
            return f"shot {foreign.shot_id} belongs to batch {foreign.batch}"
        planned = {shot.shot_id for shot in plan.shots}
        unknown = next(
            (shot_id for some in plan.shards for shot_id in some if shot_id not in planned), None
        )
        if unknown:
            return f"a shard names {unknown}, which is not in the plan"
        outside = next((shot for shot in shots if not _is_inside(shot, plan.batch)), None)
        if outside:
            return f"shot {outside.shot_id} has a folder outside the batch"
        wrong = next((shot for shot in shots if not belongs_to(shot.shot_id, shot.folder)), None)
        return f"shot {wrong.shot_id} has the folder of another shot" if wrong else None

    return read_document(PlanFile, content, uri, PLAN_VERSION, mismatch)


def plan_from_record(
    batch: str, destination: str, record: Mapping[str, Sequence[Attempt]]
) -> PlanFile:
    """Rebuild a missing or damaged plan from the shots that were sent.

    Args:
        batch: Name of the batch.
        destination: Bucket and prefix.
        record: The attempts of each shot, by the folder of its record.
    """
    shots = [
        _sent(batch, folder, max(attempts, key=_number))
        for folder, attempts in record.items()
        if attempts
    ]
    return PlanFile(batch=batch, destination=destination, shots=shots)


def orphaned_shots(
    earlier: PlanFile | None,
    shots: Sequence[Shot],
    inventory: Inventory,
    gone: Sequence[Shot] = (),
) -> list[Shot]:
    """Return the shots of earlier plans that may be paid, but aren't in the new plan.

    Args:
        earlier: The previous plan; None for a new batch.
        shots: The shots of the new plan.
        inventory: Of the batch.
        gone: Stored shots whose videos were deleted.
    """
    planned = {shot.shot_id for shot in shots}
    before = [*earlier.shots, *earlier.left] if earlier else []
    sent = {shot.shot_id: shot for shot in [*before, *gone]}
    return [
        inventory.with_existing_folder(shot)
        for shot in sent.values()
        if shot.shot_id not in planned
        and inventory.was_submitted(shot)
        and not inventory.is_stored(shot)
    ]


def _is_inside(shot: Shot, batch: str) -> bool:
    places = [shot.folder, *([shot.record] if shot.record else [])]
    return shot.batch == batch and all(is_below(place, batch) for place in places)


def _number(attempt: Attempt) -> int:
    return attempt.attempt


def _sent(batch: str, where: str, attempt: Attempt) -> Shot:
    folder = attempt.folder or where
    name = folder.rpartition("/")[2]
    labels = attempt.labels or (name, str(attempt.request.get("model", "")), "")
    scene, variant, cast = labels
    return Shot(
        shot_id=attempt.shot_id,
        batch=batch,
        scene=scene,
        variant=variant,
        cast=cast,
        take=attempt.take or 1,
        request=request_of(attempt),
        folder=folder,
        record=where,
    )


def request_of(attempt: Attempt) -> GenerationRequest:
    """Return the request that an attempt sent, as far as its record has it."""
    given = {"prompt": "", **attempt.request}
    try:
        if attempt.remix_of is not None:
            known = _known(RemixRequest, given)
            return RemixRequest.model_validate({**known, "task_id": attempt.remix_of})
        if attempt.extends is not None:
            known = _known(ExtendRequest, given)
            return ExtendRequest.model_validate({**known, "task_id": attempt.extends})
        known = _known(VideoRequest, given)
        extra = {name: value for name, value in given.items() if name not in known}
        return VideoRequest.model_validate({**known, "extra": extra})
    except ValidationError:  # for display only; it was already sent
        return VideoRequest(prompt=str(given["prompt"]))


def _known(kind: type[BaseModel], given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in kind.model_fields}
