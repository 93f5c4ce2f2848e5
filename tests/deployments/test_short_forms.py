"""The forms of `make-videos` and `retry-batch`, in both versions of the Prefect UI."""

import json
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from playwright.async_api import Browser, Locator, Page, expect
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from tests.deployments.conftest import Studio
from tests.deployments.test_fresh_server import ended

from prefect_toapis.simulator import Refuse

pytestmark = pytest.mark.xdist_group("studio")  # one server, not one in each process

SCREENS = 1_600  # pixels, at a width of 1,280: one and a half screens
ANSWER = 8_000  # milliseconds
PRESSES = 4

# Which version is the default depends on Prefect's; both are served.
both = pytest.mark.parametrize("version", ["", "/v2"], ids=["v1", "v2"])


class Form:
    """The run form of a deployment, as a person sees it."""

    def __init__(self, page: Page, client: SyncPrefectClient) -> None:
        self.page, self.client = page, client
        self.before = {run.id for run in client.read_flow_runs()}

    def field(self, name: str) -> Locator:
        """The input below a label."""
        label = self.page.get_by_text(re.compile(rf"^{name}( \(Optional\))?$"))
        below = "xpath=following::*[self::textarea or self::input or @role='switch'][1]"
        return label.locator(below)

    async def submit(self) -> FlowRun:
        """Press "Submit" until a run is there: the page may be busy when it is pressed first."""
        for _ in range(PRESSES):
            await self.page.wait_for_timeout(1000)  # the form takes a moment to take what was typed
            await self.page.get_by_role("button", name="Submit").click()
            with suppress(AssertionError):
                away = re.compile("/run$")
                await expect(self.page).not_to_have_url(away, timeout=ANSWER)
                [run] = [
                    run
                    for run in self.client.read_flow_runs()
                    if run.id not in self.before and not run.auto_scheduled
                ]
                return run
        pytest.fail(f"nothing was submitted: {await self.page.inner_text('body')}")


@pytest.fixture
async def page(browser: Browser) -> Page:
    """As wide as a small laptop."""
    return await browser.new_page(viewport={"width": 1280, "height": SCREENS})


@pytest.fixture
def opened(
    page: Page, server: dict[str, str], client: SyncPrefectClient
) -> Callable[[str, str], Awaitable[Form]]:
    async def opened(name: str, version: str) -> Form:
        deployment = client.read_deployment_by_name(name)
        ui = server["PREFECT_API_URL"].removesuffix("/api") + version
        await page.goto(f"{ui}/deployments/deployment/{deployment.id}/run")
        await expect(page.get_by_role("button", name="Submit")).to_be_visible()
        return Form(page, client)

    return opened


async def height(page: Page) -> float:
    """Where the form ends."""
    box = await page.get_by_role("button", name="Submit").bounding_box()
    assert box
    return box["y"] + box["height"]


@pytest.mark.long
@both
async def test_prompts_are_planned_first_and_made_when_dry_run_is_off(
    version: str,
    opened: Callable[[str, str], Awaitable[Form]],
    deployed: Studio,
    worker: None,
    client: SyncPrefectClient,
    picture: Callable[[Page, str], Awaitable[None]],
) -> None:
    batch = f"short{version.strip('/')}"
    submissions = len(deployed.simulator.ledger.submissions)
    form = await opened("make-videos/make-videos", version)
    assert await height(form.page) < SCREENS
    await form.field("prompts").fill("A tram climbs a hill\n\nA fish market at dawn")
    await form.field("batch").fill(batch)
    if version:
        await picture(form.page, "make-videos")
    [plan] = ended(client, await form.submit())
    assert plan.name == f"{batch}: 2 scenes (dry run)"
    assert plan.state_name == "Completed", plan.state
    assert len(deployed.simulator.ledger.submissions) == submissions

    form = await opened("make-videos/make-videos", version)
    await form.field("prompts").fill("A tram climbs a hill\n\nA fish market at dawn")
    await form.field("batch").fill(batch)
    await form.field("dry_run").click()
    [made] = ended(client, await form.submit())
    assert made.state_name == "Completed", made.state
    assert len(deployed.simulator.ledger.submissions) == submissions + 2


@pytest.mark.long
@both
async def test_a_batch_is_retried_by_its_name(
    version: str,
    opened: Callable[[str, str], Awaitable[Form]],
    deployed: Studio,
    worker: None,
    client: SyncPrefectClient,
    picture: Callable[[Page, str], Awaitable[None]],
) -> None:
    batch = f"again{version.strip('/')}"
    paid = len(deployed.simulator.ledger.paid)
    deployed.simulator.faults.add(Refuse(operation="submit", status=422, prompt=f"cat {batch}"))
    making = client.read_deployment_by_name("make-videos/make-videos")
    asked = {"prompts": f"A dog {batch}\nA cat {batch}", "batch": batch, "dry_run": False}
    [made] = ended(client, client.create_flow_run_from_deployment(making.id, parameters=asked))
    assert made.state_name == "Failed"
    assert len(deployed.simulator.ledger.paid) == paid + 1

    form = await opened("retry-batch/retry-batch", version)
    assert await height(form.page) < SCREENS
    await form.field("batch").fill(batch)
    await form.field("refused_too").click()
    if version:
        await picture(form.page, "retry-batch")
    [retried] = ended(client, await form.submit())
    assert retried.state_name == "Completed", json.dumps(retried.state, default=str)
    assert len(deployed.simulator.ledger.paid) == paid + 2
