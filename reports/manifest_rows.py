"""Builds the manifest of a batch from its plan and what is stored."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prefect_toapis.client.requests import ExtendRequest, RemixRequest
from prefect_toapis.planning.plan import Shot
from prefect_toapis.planning.spending import spent_on
from prefect_toapis.records.picks import Output, Picks
from prefect_toapis.records.stored_shots import StoredShot, Unstored
from prefect_toapis.reports.manifest import Manifest, ManifestRow

_LEFT = "sent by an earlier plan, not in the latest; `prefect-toapis reconcile` finishes it"


def build_manifest(
    batch: str,
    uri: str,
    plan: Sequence[Shot],
    stored: Iterable[StoredShot],
    unstored: Mapping[str, Unstored],
    left: Iterable[Shot] = (),
) -> Manifest:
    """Build the manifest of a batch, in the order of the plan.

    Args:
        batch: Name of the batch.
        uri: Of the batch.
        plan: The shots of the latest plan.
        stored: All `shot.json` documents of the batch, including those of earlier plans.
        unstored: Why other shots aren't stored, by shot id; missing shots are `planned`.
        left: Orphaned shots of earlier plans; those that aren't stored are open.
    """
    done = {shot.shot.shot_id: shot for shot in stored}
    rows: list[ManifestRow] = []
    for shot in plan:
        # Labels come from the latest plan, everything else from the bucket.
        if found := done.pop(shot.shot_id, None):
            rows += _stored_rows(found, shot, in_plan=True)
        else:
            why = unstored.get(shot.shot_id, Unstored(status="planned"))
            rows.append(_unstored_row(shot, why, in_plan=True))
    for shot in left:
        if shot.shot_id not in done:
            why = unstored.get(shot.shot_id, Unstored(status="open", reason=_LEFT))
            rows.append(_unstored_row(shot, why, in_plan=False))
    for leftover in done.values():
        rows += _stored_rows(leftover, leftover.shot, in_plan=False)
    return Manifest(batch=batch, uri=uri, rows=_with_shared(rows))


def with_picks(manifest: Manifest, picks: Picks | None) -> Manifest:
    """Return the manifest with what was picked, in place of what it says of picks.

    Args:
        manifest: Of the batch.
        picks: Of the batch; None: nothing is picked.
    """
    by_output = picks.by_output if picks else {}

    def marked(row: ManifestRow) -> ManifestRow:
        pick = by_output.get(Output(row.shot_id, row.output or 1))
        found = {"picked": pick is not None, "pick_note": pick.note if pick else None}
        return row.model_copy(update=found)

    return manifest.model_copy(update={"rows": list(map(marked, manifest.rows))})


def _with_shared(rows: list[ManifestRow]) -> list[ManifestRow]:
    """Add a note to rows whose generation the provider returned for several shots."""
    owners: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        if row.task_id:
            owners[row.task_id][row.shot_id] = row.label
    return [_noted(row, owners[row.task_id]) if row.task_id else row for row in rows]


def _noted(row: ManifestRow, owners: Mapping[str, str]) -> ManifestRow:
    others = [label for shot_id, label in owners.items() if shot_id != row.shot_id]
    if not others:
        return row
    shared = f"the provider also returned generation {row.task_id} for {', '.join(others)}"
    return row.model_copy(update={"note": "; ".join(filter(None, [row.note, shared]))})


def _of_shot(shot: Shot) -> dict[str, Any]:
    given = shot.request.shown().given()
    if isinstance(shot.request, RemixRequest):
        given["remix_of"] = shot.request.task_id
    if isinstance(shot.request, ExtendRequest):
        given["extends"] = shot.request.task_id
    return {
        **shot.model_dump(include={"batch", "shot_id", "scene", "variant", "cast", "take"}),
        "retake_of": shot.retake_of,
        "model": given.pop("model"),
        "prompt": given.pop("prompt"),
        "request": given,
    }


def _stored_rows(found: StoredShot, labels: Shot, *, in_plan: bool) -> list[ManifestRow]:
    made_by, planned = found.shot.request, labels.request.model
    fallback = f"made by {made_by.model} in place of {planned}"
    notes = [found.note, fallback if made_by.model != planned else None]
    shared = {
        **_of_shot(labels if made_by.model == planned else labels.with_request(made_by)),
        "status": "stored",
        "task_id": found.task_id,
        "business_id": found.business_id,
        "attempt": found.attempt,
        "submitted_at": found.submitted_at,
        "stored_at": found.stored_at,
        "characters": found.characters,
        "in_plan": in_plan,
        "note": "; ".join(filter(None, notes)) or None,
        "money": "spent",
    }
    return [ManifestRow(**shared, **video.model_dump()) for video in found.videos]


def _unstored_row(shot: Shot, why: Unstored, *, in_plan: bool) -> ManifestRow:
    return ManifestRow(
        **_of_shot(shot),
        in_plan=in_plan,
        status=why.status,
        error=why.reason,
        task_id=why.task_id,
        business_id=why.business_id,
        reply=why.reply,
        money=spent_on(why),
    )
