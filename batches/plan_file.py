"""`plan.json`: what a batch's latest plan holds, and what earlier ones left behind."""

import json
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from prefect_toapis.batches.documents import belongs_to, is_below, read_document
from prefect_toapis.batches.inventory import Inventory
from prefect_toapis.batches.plan import Shot
from prefect_toapis.batches.record import Attempt
from prefect_toapis.client.requests import RemixRequest, VideoRequest

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

    model_config = ConfigDict(hide_input_in_errors=True)

    version: int = PLAN_VERSION
    batch: str
    plan: str = ""
    destination: str
    shots: list[Shot] = []
    left: list[Shot] = []
    shards: list[list[str]] = []

    def to_json(self) -> bytes:
        """What is written. Its URLs have no queries, unless other runs make requests of them."""
        safe = {
            "shots": [shot.unsigned() if self.shards else shot.shown() for shot in self.shots],
            "left": [shot.shown() for shot in self.left],
        }
        kept = self.model_copy(update=safe).model_dump(mode="json", exclude_defaults=True)
        return json.dumps({"version": self.version, **kept}, indent=1, ensure_ascii=False).encode()


def read_plan(content: bytes, key: str, uri: str) -> PlanFile:
    """The plan as the bucket has it.

    Args:
        content: What is under the key.
        key: Of the plan.
        uri: The whole address, for errors.

    Raises:
        DocumentDamaged: It can't be relied on; running the batch again writes a new one.
        DocumentTooNew: A later version of this package wrote it.
    """

    def mismatch(plan: PlanFile) -> str | None:
        if plan_key(plan.batch) != key:
            return f"it is the plan of batch {plan.batch}"
        shots = [*plan.shots, *plan.left]
        foreign = next((shot for shot in shots if shot.batch != plan.batch), None)
        if foreign:
            return f"shot {foreign.shot_id} is of batch {foreign.batch}"
        planned = {shot.shot_id for shot in plan.shots}
        unknown = next(
            (shot_id for some in plan.shards for shot_id in some if shot_id not in planned), None
        )
        if unknown:
            return f"a shard names {unknown}, which is no shot of it"
        outside = next((shot for shot in shots if not _is_inside(shot, plan.batch)), None)
        if outside:
            return f"shot {outside.shot_id} has a folder outside of the batch"
        wrong = next((shot for shot in shots if not belongs_to(shot.shot_id, shot.folder)), None)
        return f"shot {wrong.shot_id} has the folder of another" if wrong else None

    return read_document(PlanFile, content, uri, PLAN_VERSION, mismatch)


def _is_inside(shot: Shot, batch: str) -> bool:
    places = [shot.folder, *([shot.record] if shot.record else [])]
    return shot.batch == batch and all(is_below(place, batch) for place in places)


def plan_from_record(
    batch: str, destination: str, record: Mapping[str, Sequence[Attempt]]
) -> PlanFile:
    """A plan in place of one that is missing or damaged: the shots that were sent.

    Args:
        batch: Its name.
        destination: Bucket and prefix.
        record: The attempts of each shot, by the folder of its record.
    """
    shots = [_sent(batch, where, max(some, key=_number)) for where, some in record.items() if some]
    return PlanFile(batch=batch, destination=destination, shots=shots)


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
        request=_request(attempt),
        folder=folder,
        record=where,
    )


def _request(attempt: Attempt) -> VideoRequest | RemixRequest:
    given = {"prompt": "", **attempt.request}
    kind = VideoRequest if attempt.remix_of is None else RemixRequest
    known = {name: value for name, value in given.items() if name in kind.model_fields}
    try:
        if attempt.remix_of is not None:
            return RemixRequest.model_validate({**known, "task_id": attempt.remix_of})
        extra = {name: value for name, value in given.items() if name not in known}
        return VideoRequest.model_validate({**known, "extra": extra})
    except ValidationError:  # it is only shown: what was sent was sent
        return VideoRequest(prompt=str(given["prompt"]))


def plan_key(batch: str) -> str:
    """Where a batch's plan is."""
    return f"{batch}/{PLAN_FILE}"


def orphaned_shots(
    earlier: PlanFile | None,
    shots: Sequence[Shot],
    inventory: Inventory,
    gone: Sequence[Shot] = (),
) -> list[Shot]:
    """The shots of earlier plans that may be paid, and that nobody waits for any more.

    Args:
        earlier: The plan until now; None for a new batch.
        shots: Those of the new plan.
        inventory: What the bucket knows.
        gone: Those whose videos are gone since they were stored.
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
