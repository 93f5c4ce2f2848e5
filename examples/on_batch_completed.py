"""A flow that starts whenever a run of a batch ends, wherever and by whomever it was started.

Run it as `python examples/on_batch_completed.py` with PREFECT_API_URL set: it makes a deployment
with a trigger, and stays to run it.
"""

from pathlib import Path

from prefect import flow
from prefect.events import DeploymentEventTrigger

from prefect_toapis import Manifest


@flow(log_prints=True, flow_run_name="hand over {batch}")
def hand_over(batch: str, manifest: str, failed: int = 0) -> list[str]:
    """Write a list of a batch's videos for whoever comes next.

    Args:
        batch: Its name.
        manifest: Where its manifest is.
        failed: How many shots have no video.

    Returns:
        Where the videos are.
    """
    videos = [row.uri for row in Manifest.load(manifest).stored if row.in_plan and row.uri]
    Path(f"{batch}.txt").write_text("".join(f"{uri}\n" for uri in videos), encoding="utf-8")
    print(f"{len(videos)} videos of {batch} handed over, {failed} shots failed")
    return videos


ON_BATCH_COMPLETED = DeploymentEventTrigger(
    name="a batch has completed",
    expect={"toapis.batch.completed"},
    # For one bucket alone: match={"prefect.resource.id": "toapis.batch.studio/*"}
    parameters={
        "batch": "{{ event.payload.batch }}",
        "manifest": "{{ event.payload.manifest }}",
        "failed": "{{ event.payload.failed }}",
    },
)

if __name__ == "__main__":
    hand_over.serve(name="on-batch-completed", triggers=[ON_BATCH_COMPLETED])
