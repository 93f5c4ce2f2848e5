"""A fresh server with what `setup` makes and the shipped `prefect.yaml` deploys."""

import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.objects import FlowRun
from prefect.states import Scheduled

pytestmark = pytest.mark.xdist_group("studio")  # one server, not one in each process

if TYPE_CHECKING:
    from tests.deployments.conftest import Studio

NIGHTLY = "generate-from-spec/nightly"
SPEC = b"""
scenes: [A dog runs]
variants: [{model: sora-2-vip, duration: 1}]
settings: {polling: {first_seconds: 0.05, interval_seconds: 0.1}}
"""


def eventually(found: Callable[[], list[FlowRun]], seconds: float = 90) -> list[FlowRun]:
    """What is found once something is."""
    deadline = time.monotonic() + seconds
    while not (runs := found()):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    return runs


def ended(client: SyncPrefectClient, *runs: FlowRun) -> list[FlowRun]:
    """The runs, when all have ended."""

    def look() -> list[FlowRun]:
        now = [client.read_flow_run(run.id) for run in runs]
        return now if all(run.state and run.state.is_final() for run in now) else []

    return eventually(look)


def scheduled(client: SyncPrefectClient, deployment: UUID) -> list[FlowRun]:
    of_it = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment]))
    runs = client.read_flow_runs(flow_run_filter=of_it)
    return [run for run in runs if run.auto_scheduled]


def test_setup_makes_it_all_and_the_second_time_changes_nothing(
    set_up_twice: tuple[str, str], studio: "Studio"
) -> None:
    first, second = set_up_twice
    for resource in (
        "block toapis-credentials/default",
        "block toapis-video-bucket/default",
        "work pool videos",
        "rate limit toapis-submissions",
        'automation "toapis: a run\'s worker is gone"',
        f"lifecycle rule for {studio.bucket.uri()}",
    ):
        assert f"created        {resource}\n" in first
        assert f"unchanged      {resource}\n" in second
    assert "Nothing was changed." in second
    assert "Nothing was changed." not in first
    for output in set_up_twice:
        assert 'skipped        automation "toapis: a batch failed"' in output
        assert "--notify slack-webhook/NAME" in output
        assert f"arn:aws:s3:::{studio.bucket.bucket_name}/videos/*" in output
        assert "test-key" not in output


def test_the_shipped_deployments_are_there_and_one_night_is_made_at_a_time(
    deployed: "Studio", client: SyncPrefectClient
) -> None:
    flows = {flow.id: flow.name for flow in client.read_flows()}
    found = {f"{flows[one.flow_id]}/{one.name}": one for one in client.read_deployments()}
    assert set(found) == {
        "make-videos/make-videos",
        "retry-batch/retry-batch",
        "generate-videos/full-form",
        "generate-from-spec/spec-file",
        NIGHTLY,
        "create-characters/create-characters",
        "run-shard/internal",
        "submit-batch/submit-batch",
        "collect-batch/sweep",
    }
    nightly = found[NIGHTLY]
    assert nightly.parameters["spec"] == "bucket:specs/nightly.yaml"
    assert nightly.global_concurrency_limit
    assert nightly.global_concurrency_limit.limit == 1
    assert nightly.concurrency_options
    assert nightly.concurrency_options.collision_strategy == "ENQUEUE"
    active = {name for name, one in found.items() if any(each.active for each in one.schedules)}
    assert active == {NIGHTLY}


def test_the_schedule_creates_runs_at_its_hour_in_its_time_zone(
    deployed: "Studio", client: SyncPrefectClient
) -> None:
    nightly = client.read_deployment_by_name(NIGHTLY)
    runs = eventually(lambda: scheduled(client, nightly.id))
    hours = [run.expected_start_time for run in runs]
    assert all(hour and hour.astimezone(ZoneInfo("Europe/Lisbon")).hour == 2 for hour in hours)
    assert len({hour and hour.date() for hour in hours}) == len(runs)


@pytest.mark.long
def test_two_runs_that_were_due_on_one_date_make_one_batch(
    deployed: "Studio", worker: None, client: SyncPrefectClient
) -> None:
    paid = len(deployed.simulator.ledger.paid)
    deployed.bucket.write("specs/nightly.yaml", SPEC, "application/yaml")
    nightly = client.read_deployment_by_name(NIGHTLY)
    # Both on 2 August in Lisbon; one of them, by UTC, on the day before.
    due = [
        datetime(2026, 8, 1, 23, 30, tzinfo=timezone.utc),
        datetime(2026, 8, 2, 1, tzinfo=timezone.utc),
    ]
    runs = [
        client.create_flow_run_from_deployment(nightly.id, state=Scheduled(scheduled_time=time))
        for time in due
    ]
    over = ended(client, *runs)
    assert [(run.state_name, run.state and run.state.message) for run in over] == [
        ("Completed", None),
        ("Completed", None),
    ]
    assert all("nightly-2026-08-02" in run.name for run in over)
    assert len(deployed.simulator.ledger.paid) == paid + 1
    keys = [key for key in deployed.bucket.list_keys() if key.startswith("nightly-")]
    videos = [key for key in keys if key.endswith("/video-1.mp4")]
    assert [key.partition("/")[0] for key in videos] == ["nightly-2026-08-02"]


def test_a_block_that_is_not_saved_is_named_by_the_run_that_needs_it(
    deployed: "Studio", worker: None, client: SyncPrefectClient
) -> None:
    on_demand = client.read_deployment_by_name("generate-from-spec/spec-file")
    nobody = {"$ref": {"block_document_slug": "toapis-credentials/nobody"}}
    parameters = {"spec": "batch.yaml", "credentials": nobody}
    run = client.create_flow_run_from_deployment(on_demand.id, parameters=parameters)
    [over] = ended(client, run)
    assert over.state
    assert over.state.is_failed()
    assert "block document named nobody for block type toapis-credentials" in str(
        over.state.message
    )
    assert "prefect-toapis setup" in str(over.state.message)
