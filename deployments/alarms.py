"""Automations: one tells somebody when a batch failed, one ends runs whose worker is gone."""

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
"""On each deployment of `prefect.yaml`, and so on each of their runs."""
SILENCE = timedelta(minutes=10)
"""Three heartbeats and some: a run sends one each 3 minutes, unless told otherwise."""

_RUNS = ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"})
_OURS = ResourceSpecification(
    {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}
)
_BEAT = "prefect.flow-run.heartbeat"
_ENDS = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}


def telling(notify: BlockDocument) -> AutomationCore:
    """Tells somebody that a run of our deployments failed.

    Args:
        notify: A notification block: whom to tell, and how.
    """
    return AutomationCore(
        name=FAILED,
        description="Tells somebody that a run with the tag prefect-toapis failed or crashed.",
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
    """Ends a run of our deployments that has gone silent: its machine is gone.

    As Prefect's documentation on zombie flows has it, for our runs only.

    Args:
        after: How long without a heartbeat.
    """
    return AutomationCore(
        name=SILENT,
        description="Ends a run with the tag prefect-toapis that sends no heartbeat any more.",
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
                message="No heartbeat any more: its worker is gone. Run the batch again: "
                "it goes on where it stopped.",
                force=False,
            )
        ],
    )


class Alarm(Resource[AutomationCore]):
    """An automation, known by its name."""

    def __init__(
        self,
        name: str,
        wanted: AutomationCore | None,
        notes: Mapping[Outcome, str],
        *,
        asked: bool = False,
    ) -> None:
        super().__init__(f'automation "{name}"', wanted, notes, asked=asked)
        self.name = name

    async def find(self, client: PrefectClient) -> AutomationCore | None:
        """What it heeds, and what it does then."""
        found = await client.read_automations_by_name(self.name)
        return AutomationCore.model_validate(found[0].model_dump()) if found else None

    async def put(self, client: PrefectClient, wanted: AutomationCore) -> None:
        """Create it, or change it."""
        if found := await client.read_automations_by_name(self.name):
            await client.update_automation(found[0].id, wanted)
        else:
            await client.create_automation(wanted)


def failure_alarm(notify: BlockDocument | None) -> Alarm:
    """An alarm that tells somebody when a run of our deployments failed.

    Args:
        notify: A notification block: whom to tell, and how; None: nobody has said.
    """
    notes: dict[Outcome, str] = {
        "left out": "Save a notification block, such as Slack Webhook, in the UI (Blocks), then: "
        "prefect-toapis setup --notify slack-webhook/NAME",
    }
    return Alarm(FAILED, telling(notify) if notify else None, notes, asked=notify is not None)


def zombie_alarm() -> Alarm:
    """An alarm that ends runs of our deployments that have gone silent."""
    notes: dict[Outcome, str] = {
        "made": f"After {SILENCE.seconds // 60} minutes without a heartbeat. Where workers set "
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY, let it be 180 (seconds) or less.",
        "kept": "It was changed by hand, or switched off.",
    }
    return Alarm(SILENT, zombie_run_automation(), notes)
