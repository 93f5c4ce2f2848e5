"""A batch from the run form of the Prefect UI to its pictures, by clicking, with a worker."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import pytest
from playwright.async_api import Browser, Locator, Page, expect
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import ArtifactSort

from prefect_toapis import VideoBucket
from prefect_toapis.simulator import Simulator

pytestmark = pytest.mark.xdist_group("studio")  # one server, not one in each process

PROMPTS = ["A yellow tram climbs a hill in Lisbon", "A fish market at dawn, handheld camera"]
SLOW = 90_000  # milliseconds: a worker starts a process for each run
ANSWER = 8_000  # milliseconds
PRESSES = 4
TAKEN = re.compile("tab=Runs")
FULL_FORM = "generate-videos/full-form"


class Studio(Protocol):
    """What a data engineer has; see the fixture."""

    @property
    def simulator(self) -> Simulator: ...

    @property
    def bucket(self) -> VideoBucket: ...


class RunForm:
    """The form of a deployment of `generate_videos`, as a person sees it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.scenes = self.parameter("The prompts.")
        self.variants = self.parameter("How videos are made:")
        self.dry_run = self.parameter("Plan and check only;").get_by_role("switch")

    def parameter(self, help_text: str) -> Locator:
        """A parameter with everything that belongs to it, by its help."""
        described = self.page.get_by_text(re.compile(f"^{re.escape(help_text)}"))
        return self.page.locator("div.group").filter(has=described).last

    async def add(self, items: Locator) -> None:
        await items.get_by_role("button", name="Add item").last.click()

    async def fill(self, label: str, *values: str) -> None:
        """Fill the fields of that label, from the first card on."""
        for number, value in enumerate(values):
            await self.page.get_by_label(label).nth(number).fill(value)

    async def pick_block(self, help_text: str) -> None:
        picker = self.parameter(help_text)
        await picker.get_by_text("Choose", exact=True).click()
        await picker.get_by_text("Select a block...").click()
        await self.page.get_by_role("option", name="default").click()

    async def name_batch(self, name: str) -> None:
        batch = self.parameter("Name of the batch;")
        await batch.get_by_text("Enter", exact=True).click()
        await batch.get_by_role("textbox").fill(name)

    async def choose_nothing(self, label: str) -> None:
        """Open the list of choices of a variant's field, and choose none of them."""
        below = "xpath=following::button[normalize-space()='Choose'][1]"
        choose = self.page.get_by_text(f"{label} (Optional)").first.locator(below)
        await choose.click()
        await expect(choose).to_have_attribute("aria-selected", "true")

    async def submit(self, answer: Callable[[], Awaitable[None]]) -> None:
        """Press "Submit" until it has its answer: the page may be busy when it is pressed first.

        Args:
            answer: Raises an AssertionError while it isn't there.
        """
        button = self.page.get_by_role("button", name="Submit")
        for _ in range(PRESSES - 1):
            await self.page.wait_for_timeout(1000)  # the form takes a moment to take what was typed
            await button.press("Enter")  # a click may miss it while the long form scrolls
            with suppress(AssertionError):
                return await answer()
        await button.press("Enter")
        return await answer()

    async def start(self) -> None:
        """Submit it, and see that it is taken."""
        await self.submit(lambda: expect(self.page).to_have_url(TAKEN, timeout=ANSWER))

    async def refused(self, message: str) -> None:
        """Submit it, and see that it is refused with a message."""
        shown = self.page.get_by_text(re.compile(message)).first
        await self.submit(lambda: expect(shown).to_be_visible(timeout=ANSWER))


@pytest.fixture
async def form(
    browser: Browser, worker: None, ui: str, client: SyncPrefectClient
) -> AsyncIterator[RunForm]:
    """The form, opened."""
    deployment = client.read_deployment_by_name(FULL_FORM)
    page = await browser.new_page(viewport={"width": 1280, "height": 1000})
    await page.goto(f"{ui}/deployments/deployment/{deployment.id}/run")
    yield RunForm(page)
    await page.close()


@pytest.fixture
def ui(server: dict[str, str]) -> str:
    """Where the Prefect UI is."""
    return server["PREFECT_API_URL"].removesuffix("/api") + "/v2"


async def ended(page: Page, ui: str, client: SyncPrefectClient, name: str) -> FlowRun:
    """The run of that name, once its page says that it ended well."""
    for _ in range(SLOW // 500):  # it has its name when the worker has started it
        await page.wait_for_timeout(500)
        runs = [one for one in client.read_flow_runs() if one.name == name]
        if runs:
            break
    else:
        names = [(one.name, one.state_name) for one in client.read_flow_runs()]
        pytest.fail(f"no run is named {name}, but {names}")
    [run] = runs
    await page.goto(f"{ui}/runs/flow-run/{run.id}")
    await expect(page.get_by_text("Completed", exact=True).first).to_be_visible(timeout=SLOW)
    return run


async def open_artifact(page: Page, ui: str, client: SyncPrefectClient, key: str) -> None:
    [artifact] = client.read_artifacts(
        artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])),
        sort=ArtifactSort.CREATED_DESC,
    )
    await page.goto(f"{ui}/artifacts/artifact/{artifact.id}")


def copied(bucket: VideoBucket, batch: str, folder: Path) -> Path:
    """A batch's files as somebody has them who copied them from the bucket."""
    for key in bucket.list_keys(f"{batch}/"):
        file = folder / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bucket.read(key) or b"")
    return folder / batch


@pytest.mark.long
async def test_a_batch_by_clicking_from_the_form_to_a_playing_video(
    form: RunForm,
    ui: str,
    deployed: Studio,
    client: SyncPrefectClient,
    tmp_path: Path,
    picture: Callable[[Page, str], Awaitable[None]],
) -> None:
    page, paid = form.page, len(deployed.simulator.ledger.paid)
    await form.add(form.scenes)
    await form.add(form.scenes)
    await form.add(form.variants)
    await form.fill("Prompt", *PROMPTS)
    await form.fill("Model", "sora-2", "sora-2-pro")
    await form.fill("Duration", "10", "15")
    await page.get_by_label("Prompt").first.evaluate("e => e.scrollIntoView({block: 'center'})")
    await picture(page, "run-form")
    await form.name_batch("lisbon")
    await form.pick_block("The ToAPIs account that pays.")
    await form.pick_block("The bucket for the videos.")
    await form.start()

    await ended(page, ui, client, "lisbon: 2 scenes x 2 variants")
    await picture(page, "run")
    assert len(deployed.simulator.ledger.paid) - paid == 4

    await open_artifact(page, ui, client, "gallery-lisbon")
    posters = page.locator("img[src^='data:image/jpeg']")
    await expect(posters).to_have_count(4)
    assert await posters.first.evaluate("poster => poster.naturalWidth") > 100

    await picture(page, "gallery-artifact")

    folder = copied(deployed.bucket, "lisbon", tmp_path)
    await page.goto((folder / "index.html").as_uri())
    await expect(page.locator("video")).to_have_count(4)
    await picture(page, "gallery")
    video = page.locator("video").first
    await video.evaluate("video => { video.muted = true; return video.play(); }")
    while not await video.evaluate("video => video.currentTime > 0.1"):
        await page.wait_for_timeout(100)


async def test_a_dry_run_from_the_form_answers_with_the_plan(
    form: RunForm, ui: str, deployed: Studio, client: SyncPrefectClient
) -> None:
    submissions = len(deployed.simulator.ledger.submissions)
    await form.add(form.scenes)
    await form.fill("Prompt", "A dog on the beach")
    await form.choose_nothing("Aspect Ratio")
    await form.name_batch("rehearsal")
    await form.dry_run.click()
    await form.start()
    await ended(form.page, ui, client, "rehearsal: 1 scene x 1 variant (dry run)")
    await open_artifact(form.page, ui, client, "plan-rehearsal")
    await expect(form.page.get_by_text("1 shot: 0 stored, 1 to buy").first).to_be_visible()
    assert len(deployed.simulator.ledger.submissions) == submissions


async def test_a_wrong_value_is_refused_with_a_message_that_names_it(
    form: RunForm, client: SyncPrefectClient
) -> None:
    runs = len(client.read_flow_runs())
    await form.add(form.scenes)  # its prompt stays empty
    await form.refused("prompt.* is a required")
    await form.fill("Prompt", "A dog")
    await form.fill("Takes", "0")
    await form.refused("0 is less than the minimum")
    assert len(client.read_flow_runs()) == runs
