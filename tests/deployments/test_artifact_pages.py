"""Artifacts with text from elsewhere, as both versions of the Prefect UI show them."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.client.orchestration import SyncPrefectClient

from prefect_toapis.reports.artifacts import gallery_markdown, shot_table
from prefect_toapis.reports.manifest import Manifest, ManifestRow
from prefect_toapis.reports.plan_artifacts import faults_markdown, plan_markdown

pytestmark = pytest.mark.xdist_group("studio")  # one server, not one in each process

HOSTILE = (
    "<b>*a* | b_c_ __d__ ![i](http://x.y/z.png) [x](javascript:document.title='hit') "
    "<img src=x onerror=\"document.title='hit'\"> <script>document.title='hit'</script> "
    "`code` $x$ @a a@b.cc http://x.y https://q.w www.x.yy ftp://a.b mailto:a@b.cc ~~s~~ # h "
    r"1. n &amp; &#42; \* \\ {{ v }} :smile: <http://z.z> <!-- c --> [^1] http\://k.k"
)
SHORT = "<i>[r](http://x.y) **no**"  # the table cuts longer reasons
PARSED = """() => [...document.querySelectorAll("a[href], img, script, b, i, em, del")]
    .map((element) => element.outerHTML).filter((shown) =>
    /x\\.y|q\\.w|z\\.z|k\\.k|a\\.b|b\\.cc|javascript:|'hit'|>[acdsx]</.test(shown))"""


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A fresh page, wide enough for the tables."""
    opened = await browser.new_page(viewport={"width": 1280, "height": 1000})
    yield opened
    await opened.close()


@pytest.fixture(params=["", "/v2"], ids=["V1", "V2"])
def ui(request: pytest.FixtureRequest, server: dict[str, str]) -> str:
    """Where the Prefect UI is, in either version."""
    return f"{server['PREFECT_API_URL'].removesuffix('/api')}{request.param}"


def hostile_row(**told: object) -> ManifestRow:
    usual = {"batch": "odd", "shot_id": "1", "scene": HOSTILE, "variant": "wide", "model": "sora-2"}
    return ManifestRow.model_validate({**usual, "prompt": HOSTILE, "status": "failed", **told})


async def test_markdown_shows_text_as_it_is(page: Page, ui: str, client: SyncPrefectClient) -> None:
    failed = hostile_row(error=HOSTILE)
    manifest = Manifest(batch="odd", uri="s3://studio/odd", rows=[failed], plan="1 shot")
    content = [
        gallery_markdown(manifest, {}, None),
        plan_markdown(manifest, {}),
        faults_markdown("odd", [HOSTILE]),
    ]
    artifact = await acreate_markdown_artifact("\n\n".join(content), "odd-text")
    await page.goto(f"{ui}/artifacts/artifact/{artifact}")
    await expect(page.get_by_text("a dry run")).to_be_visible(timeout=30_000)
    shown = await page.locator("body").inner_text()
    assert shown.count(HOSTILE) == 6  # scene and reason; scene, prompt and label; fault
    assert await page.evaluate(PARSED) == []
    assert "hit" not in await page.title()


async def test_tables_show_text_as_it_is(page: Page, ui: str, client: SyncPrefectClient) -> None:
    row = hostile_row(error=SHORT)
    manifest = Manifest(batch="odd", uri="s3://studio/odd", rows=[row])
    artifact = await acreate_table_artifact(shot_table(manifest), "odd-table")
    await page.goto(f"{ui}/artifacts/artifact/{artifact}")
    await expect(page.get_by_text(SHORT).first).to_be_visible(timeout=30_000)
    shown = await page.locator("table").inner_text()
    # An entity in a cell is decoded by V1, which injects nothing.
    assert HOSTILE.replace("&amp;", "&") in shown.replace("&amp;", "&")
    assert await page.evaluate(PARSED) == []
    assert "hit" not in await page.title()
