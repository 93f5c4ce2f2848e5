"""Automations: notify when a batch failed, and end runs whose worker is gone."""

from collections.abc import Mapping
from datetime import timedelta

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import BlockDocument, StateType
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from prefect_toapis.deployments.resources import Outcome, Resource

FAILED = "toapis: a batch failed"
SILENT = "toapis: a run's worker is gone"
TAG = "prefect-toapis"
"""The tag of every deployment in `prefect.yaml`, and so of their runs."""
SILENCE = timedelta(minutes=10)
"""More than three heartbeats: by default, a run sends a heartbeat every 3 minutes."""

_RUNS = ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"})
_OURS = ResourceSpecification(
    {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}
)
_BEAT = "prefect.flow-run.heartbeat"
_ENDS = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}


def failure_automation(notify: BlockDocument) -> AutomationCore:
    """Return the automation that sends a notification when a run of our deployments failed.

    Args:
        notify: The notification block.
    """
    return AutomationCore(
        name=FAILED,
        description="Notifies when a run with the tag prefect-toapis failed or crashed.",
        trigger=EventTrigger(
            expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"},
            match=_RUNS,
            match_related=_OURS,
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[
            SendNotification(
                block_document_id=notify.id,
                subject="{{ flow.name }} {{ flow_run.state.name | lower }}: {{ flow_run.name }}",
                body="{{ flow_run.state.message }}\n\n{{ flow_run | ui_url }}",
            )
        ],
    )


def zombie_run_automation(after: timedelta = SILENCE) -> AutomationCore:
    """Return the automation that ends runs of our deployments without heartbeat.

    As in Prefect's documentation on zombie flows, restricted to our runs.

    Args:
        after: Time without a heartbeat.
    """
    return AutomationCore(
        name=SILENT,
        description="Ends runs with the tag prefect-toapis that no longer send heartbeats.",
        trigger=EventTrigger(
            after={_BEAT},
            expect={_BEAT, *_ENDS},
            match=_RUNS,
            match_related=_OURS,
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=after,
        ),
        actions=[
            ChangeFlowRunState(
                name="Crashed",
                state=StateType.CRASHED,
                message="No heartbeat: the worker is gone. Run the batch again to resume it.",
                force=False,
            )
        ],
    )


class Alarm(Resource[AutomationCore]):
    """An automation, identified by its name."""

    def __init__(
        self,
        name: str,
        wanted: AutomationCore | None,
        notes: Mapping[Outcome, str],
        *,
        explicit: bool = False,
    ) -> None:
        super().__init__(f'automation "{name}"', wanted, notes, explicit=explicit)
        self.name = name

    async def find(self, client: PrefectClient) -> AutomationCore | None:
        """Return its current trigger and actions."""
        found = await client.read_automations_by_name(self.name)
        return AutomationCore.model_validate(found[0].model_dump()) if found else None

    async def put(self, client: PrefectClient, wanted: AutomationCore) -> None:
        """Create or update it."""
        if found := await client.read_automations_by_name(self.name):
            await client.update_automation(found[0].id, wanted)
        else:
            await client.create_automation(wanted)


def failure_alarm(notify: BlockDocument | None) -> Alarm:
    """Return the alarm that sends a notification when a run of our deployments failed.

    Args:
        notify: The notification block; None: not configured.
    """
    notes: dict[Outcome, str] = {
        "skipped": "Save a notification block, such as Slack Webhook, in the UI (Blocks), then: "
        "prefect-toapis setup --notify slack-webhook/NAME",
    }
    wanted = failure_automation(notify) if notify else None
    return Alarm(FAILED, wanted, notes, explicit=notify is not None)


def zombie_alarm() -> Alarm:
    """Return the alarm that ends runs of our deployments without heartbeat."""
    notes: dict[Outcome, str] = {
        "created": f"Ends runs after {SILENCE.seconds // 60} minutes without a heartbeat. If "
        "workers set PREFECT_FLOWS_HEARTBEAT_FREQUENCY, it must be at most 180 (seconds).",
        "kept": "It was changed manually, or disabled.",
    }
    return Alarm(SILENT, zombie_run_automation(), notes)
