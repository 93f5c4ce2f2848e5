"""A batch's page in a real browser."""

import asyncio
import functools
import io
import json
from collections.abc import Callable
from datetime import datetime, timezone
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Thread
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Locator, Page, Request, expect

from prefect_toapis.blocks import VideoBucket
from prefect_toapis.flows.publish import sign_links, write_gallery
from prefect_toapis.records.layout import GALLERY_FILE
from prefect_toapis.reports.gallery import Links, gallery_html
from prefect_toapis.reports.manifest import Manifest, ManifestRow
from prefect_toapis.reports.thumbnails import first_frame
from prefect_toapis.simulator.clip_spec import ClipSpec
from prefect_toapis.simulator.encoding import encode_video

HOSTILE = "</script><script>window.ran = 1</script><img src=x onerror='window.ran = 2'>"


@functools.cache
def clip() -> bytes:
    return encode_video(ClipSpec(160, 90, 3))


@functools.cache
def poster() -> bytes:
    return first_frame(io.BytesIO(clip()))


def row(number: int, scene: str, variant: str, **about: Any) -> ManifestRow:
    folder = f"b/{number:03}"
    stored = {
        "output": 1,
        "key": f"{folder}/video-1.mp4",
        "thumbnail_key": f"{folder}/thumbnail-1.jpg",
        "size": 2_000_000,
        "sha256": f"{number:064x}",
        "task_id": f"video_{number}",
    }
    given: dict[str, Any] = {
        "batch": "b",
        "shot_id": f"shot-{number}",
        "scene": scene,
        "variant": variant,
        "status": "stored",
        "model": "sora-2",
        "prompt": f"{scene} in {variant}",
        "request": {"duration": 10},
    }
    if about.get("status", "stored") == "stored":
        given |= stored
    return ManifestRow(**given | about)


ROWS = [
    row(1, "tram", "wide", cast="Turbo", prompt="@x.turbo rides a yellow tram"),
    row(2, "tram", "wide", cast="Baron", prompt="@x.baron rides a yellow tram"),
    row(3, "tram", "tall", cast="Turbo", request={"aspect_ratio": "9:16"}),
    row(4, "noodles", "wide", cast="Turbo", status="failed", error="The prompt was refused."),
    row(5, "noodles", "tall", cast="Baron", status="open", error="Still rendering."),
    row(6, "noodles", "tall", cast="Turbo", note="1 of 2 ordered videos were returned"),
    row(7, "old", "wide", in_plan=False),
    row(8, "boat", "wide", status="planned"),
]


@pytest.fixture
def laid(tmp_path: Path) -> Callable[[list[ManifestRow]], str]:
    """Lays a batch out in a folder, and tells the page's address."""

    def laid(rows: list[ManifestRow]) -> str:
        manifest = Manifest(batch="b", uri="s3://videos/b", rows=rows)
        for one in manifest.stored:
            assert one.key
            assert one.thumbnail_key
            (tmp_path / one.key).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / one.key).write_bytes(clip())
            (tmp_path / one.thumbnail_key).write_bytes(poster())
        page = tmp_path / "b" / GALLERY_FILE
        page.write_text(gallery_html(manifest), encoding="utf-8")
        return page.as_uri()

    return laid


async def shown(page: Page) -> list[str]:
    """The numbers of the cards that can be seen."""
    cards = page.locator(".card:visible")
    return [
        str(int(one) + 1) for one in await cards.evaluate_all("all => all.map(c => c.dataset.row)")
    ]


def card(page: Page, number: int) -> Locator:
    return page.locator(f'.card[data-row="{number - 1}"]')


async def comes_true(page: Page, expression: str) -> None:
    """Wait for it; not with `wait_for_function`, whose `eval` the page's policy forbids."""
    for _ in range(200):
        if await page.evaluate(expression):
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"it never came true: {expression}")


async def plays(page: Page, number: int) -> None:
    """Wait until a card's video moves."""
    await comes_true(page, f"{video(number)}.currentTime > 0.1")


async def has_poster(page: Page, number: int) -> None:
    """Wait until a card's poster is asked for."""
    await comes_true(page, f"{video(number)}.poster !== ''")


def video(number: int) -> str:
    return f"document.querySelector('.card[data-row=\"{number - 1}\"] video')"


async def test_opened_from_a_folder_a_video_plays(
    page: Page, laid: Callable[[list[ManifestRow]], str]
) -> None:
    await page.goto(laid(ROWS))
    assert await page.title() == "b"
    assert "4 of 7 shots stored · 1 failed · 1 open" in await page.inner_text("#summary")
    await card(page, 1).get_by_role("button", name="Play tram / wide / Turbo").click()
    await plays(page, 1)
    await card(page, 2).locator(".play").click()
    await plays(page, 2)
    assert await card(page, 1).locator("video").evaluate("video => video.paused")


async def test_on_a_static_site_a_video_plays(
    page: Page, laid: Callable[[list[ManifestRow]], str], tmp_path: Path
) -> None:
    laid(ROWS[:1])
    files = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), files) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        await page.goto(f"http://127.0.0.1:{server.server_port}/b/")
        await has_poster(page, 1)
        await card(page, 1).locator(".play").click()
        await plays(page, 1)
        server.shutdown()


async def test_a_card_tells_how_its_video_was_made_or_why_there_is_none(
    page: Page, laid: Callable[[list[ManifestRow]], str]
) -> None:
    await page.goto(laid(ROWS))
    first = card(page, 1)
    await first.get_by_text("Details").click()
    told = await first.inner_text()
    for fact in ("@x.turbo rides", "sora-2 · 10 s", "2.0 MB", f"{1:064x}", "video_1", "10 s"):
        assert fact in told
    file = await first.get_by_role("link", name="Open the file").get_attribute("href")
    assert file == "./001/video-1.mp4"
    expected = {
        4: "The prompt was refused.",
        5: "Still rendering.",
        6: "1 of 2 ordered videos were returned",
        7: "not in the plan",
        8: "not bought",
    }
    for number, why in expected.items():
        assert why in await card(page, number).inner_text()


async def test_remarks_stand_on_the_card_and_can_be_filtered(
    page: Page, laid: Callable[[list[ManifestRow]], str]
) -> None:
    facts = {"seconds": 4.0, "width": 1280, "height": 720, "fps": 30.0, "codec": "h264"}
    remarks = ["4.0 s long, 10 s were ordered", HOSTILE]
    remarked = row(9, "boat", "tall", remarks=remarks, has_audio=False, **facts)
    await page.goto(laid([*ROWS, remarked]))
    assert "1 with remarks" in await page.inner_text("#summary")
    await card(page, 9).get_by_text("Details").click()
    told = await card(page, 9).inner_text()
    for words in ("with remarks", *remarks, "4.0 s, 1280 x 720, 30 frames/s, h264, without sound"):
        assert words in told
    assert await page.get_by_role("listitem", name="boat / tall, stored, with remarks").count() == 1
    await page.get_by_label("Status").select_option("with remarks")
    assert await shown(page) == ["9"]
    assert await page.evaluate("window.ran") is None


async def test_filters_choose_and_their_state_is_in_the_address(
    page: Page, laid: Callable[[list[ManifestRow]], str]
) -> None:
    address = laid(ROWS)
    await page.goto(address)
    assert await shown(page) == list("12345678")
    await page.get_by_label("Scene").select_option("tram")
    assert await shown(page) == list("123")
    await page.get_by_label("Cast").select_option("Turbo")
    assert await shown(page) == list("13")
    await page.get_by_label("Search").fill("YELLOW x.tur")
    assert await shown(page) == list("1")
    assert await page.inner_text("#count") == "1 of 8 shown"
    there = page.url
    await page.get_by_role("button", name="Show all").click()
    assert await shown(page) == list("12345678")
    assert page.url == address
    await page.get_by_label("Status").select_option("not in the plan")
    assert await shown(page) == list("7")
    await page.get_by_label("Status").select_option("failed")
    assert await shown(page) == list("4")
    await page.goto("about:blank")
    await page.goto(there)
    assert await shown(page) == list("1")
    assert await page.get_by_label("Search").input_value() == "YELLOW x.tur"


async def test_characters_can_be_chosen_where_casts_do_not_tell_them(
    page: Page, laid: Callable[[list[ManifestRow]], str]
) -> None:
    rows = [
        row(1, "a", "v", cast="duo", prompt="@x.turbo and @x.baron run"),
        row(2, "b", "v", cast="solo", prompt="@x.baron runs"),
    ]
    await page.goto(laid(rows))
    await page.get_by_label("Character").select_option("@x.turbo")
    assert await shown(page) == list("1")
    assert await page.get_by_label("Variant").is_hidden()  # with one, there is nothing to choose


async def test_variants_of_a_scene_stand_side_by_side_and_play_together(
    page: Page, laid: Callable[[list[ManifestRow]], str]
) -> None:
    await page.set_viewport_size({"width": 1280, "height": 900})
    await page.goto(laid(ROWS))
    await page.get_by_text("Side by side").click()
    tram = page.get_by_role("region", name="tram")
    wide, tall, baron = [await card(page, number).bounding_box() for number in (1, 3, 2)]
    assert wide
    assert tall
    assert baron
    assert wide["y"] == tall["y"] < baron["y"]
    assert wide["x"] == baron["x"] < tall["x"]
    await tram.get_by_role("button", name="Play together").click()
    for number in (1, 2, 3):
        await plays(page, number)
    await page.get_by_label("Variant").select_option("tall")
    assert sorted(await shown(page)) == ["3", "5", "6"]
    assert "view=scenes" in page.url


async def test_the_keyboard_is_enough(page: Page, laid: Callable[[list[ManifestRow]], str]) -> None:
    await page.set_viewport_size({"width": 1280, "height": 900})
    await page.goto(laid(ROWS))

    async def focused() -> str | None:
        number: int = await page.evaluate("Number(document.activeElement.dataset.row) + 1")
        return str(number)

    await card(page, 1).focus()
    for key, expected in [
        *(("ArrowRight", "2"), ("ArrowLeft", "1"), ("ArrowLeft", "1")),
        *(("ArrowDown", "4"), ("ArrowRight", "5"), ("ArrowUp", "2")),
        *(("End", "8"), ("Home", "1")),
    ]:
        await page.keyboard.press(key)
        assert await focused() == expected
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert await page.evaluate(outline) == "solid"
    await page.keyboard.press("Space")
    await plays(page, 1)
    await page.keyboard.press("Space")
    assert await card(page, 1).locator("video").evaluate("video => video.paused")
    await page.keyboard.press("Enter")
    assert await card(page, 1).locator("dl").is_visible()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await plays(page, 2)
    assert await page.evaluate("document.activeElement === " + video(2))
    await page.keyboard.press("Escape")
    assert await focused() == "2"
    await page.keyboard.press("/")
    await page.keyboard.type("noodles")
    assert await shown(page) == list("456")
    # What has the focus is gone: the next tab stop among the cards is the first that is left.
    stops = page.locator('.card[tabindex="0"]')
    assert await stops.evaluate_all("all => all.map(card => card.dataset.row)") == ["3"]


@pytest.mark.parametrize("view", ["", "#view=scenes"])
async def test_a_phone_needs_no_horizontal_scroll(
    page: Page, laid: Callable[[list[ManifestRow]], str], view: str
) -> None:
    wordy = [*ROWS, row(9, "w" * 90, "v" * 90, prompt="x" * 400, cast="c" * 60)]
    await page.set_viewport_size({"width": 360, "height": 700})
    await page.goto(laid(wordy) + view)
    await card(page, 1).get_by_text("Details").click()
    assert await page.evaluate("document.documentElement.scrollWidth") == 360


async def test_of_five_hundred_videos_only_the_posters_in_sight_are_fetched(
    page: Page, laid: Callable[[list[ManifestRow]], str]
) -> None:
    fetched: list[str] = []

    def note(request: Request) -> None:
        fetched.append(request.url.rpartition("/")[2])

    page.on("request", note)
    await page.set_viewport_size({"width": 1280, "height": 900})
    await page.goto(laid([row(number, f"scene {number % 50}", "v") for number in range(1, 501)]))
    await has_poster(page, 1)
    assert await page.inner_text("#count") == "500 of 500 shown"
    assert 1 <= await page.locator("video[poster]").count() <= 40
    assert fetched.count("thumbnail-1.jpg") <= 40
    await card(page, 500).scroll_into_view_if_needed()
    await has_poster(page, 500)
    await page.locator("select[name=scene]").select_option("scene 7")
    await page.get_by_text("Side by side").click()
    assert len(await shown(page)) == 10
    assert await page.locator("video[poster]").count() <= 120
    assert "video-1.mp4" not in fetched


async def test_what_the_manifest_says_is_text_and_never_runs(
    page: Page, laid: Callable[[list[ManifestRow]], str]
) -> None:
    hostile = {"prompt": HOSTILE, "cast": HOSTILE, "model": HOSTILE, "note": HOSTILE}
    rows = [
        row(1, HOSTILE, HOSTILE, request={HOSTILE: [HOSTILE]}, **hostile),
        row(2, "x", "y", status="failed", error=HOSTILE, task_id=HOSTILE),
    ]
    await page.goto(laid(rows))
    for view in ("Grid", "Side by side"):
        await page.get_by_text(view).click()
        assert HOSTILE in (await card(page, 1).text_content() or "")
    await page.get_by_label("Scene").select_option(HOSTILE)
    assert await shown(page) == ["1"]
    await page.reload()
    assert await shown(page) == ["1"]
    assert await page.evaluate("window.ran") is None
    assert await page.locator("#cards img, #cards script").count() == 0


async def test_a_video_that_can_not_be_played_is_told(
    page: Page, laid: Callable[[list[ManifestRow]], str], tmp_path: Path
) -> None:
    address = laid(ROWS)
    (tmp_path / (ROWS[0].key or "")).write_bytes(b"no video")
    await page.goto(address)
    await card(page, 1).locator(".play").click()
    await card(page, 1).get_by_text("It can't be played from where this page is.").wait_for()


async def test_links_that_have_ended_are_told(page: Page, tmp_path: Path) -> None:
    links = Links({}, datetime(2020, 2, 2, tzinfo=timezone.utc))
    manifest = Manifest(batch="b", uri="s3://videos/b", rows=ROWS[3:5])
    (tmp_path / GALLERY_FILE).write_text(gallery_html(manifest, links), encoding="utf-8")
    await page.goto((tmp_path / GALLERY_FILE).as_uri())
    assert await page.inner_text("#links") == (
        "The links on this page ended on 2020-02-02 00:00 UTC. New ones: prefect-toapis gallery b"
    )


async def test_signed_links_play_through_the_store_and_say_until_when(
    page: Page, bucket: VideoBucket
) -> None:
    rows = [row(1, "tram", "wide")]
    for one in rows:
        assert one.key
        assert one.thumbnail_key
        bucket.write(one.key, clip(), "video/mp4")
        bucket.write(one.thumbnail_key, poster(), "image/jpeg")
    signing = bucket.model_copy(update={"link_hours": 1})
    await write_gallery(signing, Manifest(batch="b", uri=bucket.uri("b"), rows=rows))
    links = await sign_links(signing, ["b/index.html"])
    assert links
    await page.goto(links.urls["b/index.html"])
    notice = await page.inner_text("#links")
    assert notice.startswith("The links on this page work until 20")
    assert notice.endswith("New ones: prefect-toapis gallery b")
    await has_poster(page, 1)
    await card(page, 1).locator(".play").click()
    await plays(page, 1)


PICKED = row(9, "pier", "wide", picked=True, pick_note="calm <b>")


def pick(page: Page, number: int) -> Locator:
    return card(page, number).locator(".pick")


async def exported(page: Page) -> Any:
    """What the page saves as `picks.json`."""
    async with page.expect_download() as saving:
        await page.get_by_role("button", name="Save picks.json").click()
    saved = await saving.value
    assert saved.suggested_filename == "picks.json"
    return json.loads((await saved.path()).read_text(encoding="utf-8"))


async def test_picks_and_notes_are_kept_by_the_browser_and_saved(
    page: Page, laid: Callable[[list[ManifestRow]], str]
) -> None:
    address = laid([*ROWS, PICKED])
    await page.goto(address)
    await expect(page.locator("#picked")).to_have_text("1 picked.")  # by the manifest
    await pick(page, 1).click()
    await card(page, 1).get_by_label("Note on").fill("more rain")
    await page.goto("about:blank")
    await page.goto(address)
    assert await exported(page) == {
        "batch": "b",
        "picks": [
            {"shot": "shot-1", "output": 1, "note": "more rain"},
            {"shot": "shot-9", "output": 1, "note": "calm <b>"},
        ],
    }
    await pick(page, 9).click()  # not any more
    assert [one["shot"] for one in (await exported(page))["picks"]] == ["shot-1"]


async def test_a_key_picks_the_current_card(
    page: Page, laid: Callable[[list[ManifestRow]], str]
) -> None:
    await page.goto(laid(ROWS))
    await card(page, 2).focus()
    await page.keyboard.press("p")
    await expect(pick(page, 2)).to_have_attribute("aria-pressed", "true")
    note = card(page, 2).get_by_label("Note on")
    for _ in range(4):
        if await note.evaluate("field => field === document.activeElement"):
            break
        await page.keyboard.press("Tab")
    await page.keyboard.type("apt")  # p picks nothing here
    await expect(note).to_have_value("apt")
    await page.keyboard.press("Escape")
    await expect(card(page, 2)).to_be_focused()


async def test_only_picked_videos_can_be_shown_and_no_others_can_be_picked(
    page: Page, laid: Callable[[list[ManifestRow]], str]
) -> None:
    await page.goto(laid([*ROWS, PICKED]))
    assert await pick(page, 4).count() == 0  # it failed
    await page.get_by_label("Picked only").check()
    assert await shown(page) == ["9"]
    assert page.url.endswith("#picked=only")
    await page.reload()
    assert await shown(page) == ["9"]
    await page.get_by_role("button", name="Show all").click()
    assert len(await shown(page)) == 9


async def test_picks_can_be_copied_where_the_clipboard_is_closed(
    page: Page, laid: Callable[[list[ManifestRow]], str]
) -> None:
    await page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard', { value: undefined })"
    )
    await page.goto(laid([PICKED]))
    for button, text in [
        ("Copy the command", "prefect-toapis pick b --file picks.json"),
        ("Copy as JSON", '"shot": "shot-9"'),
    ]:
        await page.get_by_role("button", name=button).click()
        assert text in await page.locator("#copy-text").input_value()
        await page.keyboard.press("Escape")


async def test_picking_works_without_storage_and_says_that_nothing_is_kept(
    page: Page, laid: Callable[[list[ManifestRow]], str]
) -> None:
    await page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('closed'); } })"
    )
    await page.goto(laid(ROWS))
    await pick(page, 1).click()
    await expect(page.locator("#picked")).to_contain_text("This browser keeps nothing of it")
    assert [one["shot"] for one in (await exported(page))["picks"]] == ["shot-1"]


async def test_what_another_page_left_in_the_storage_does_no_harm(
    page: Page, laid: Callable[[list[ManifestRow]], str]
) -> None:
    address = laid([PICKED])
    for left in ['{"a": 1}', "[[1, null]]", "no json"]:
        await page.goto(address)
        await page.evaluate(
            "left => localStorage.setItem('prefect-toapis picks s3://videos/b', left)", left
        )
        await page.reload()
        await expect(page.locator("#picked")).to_have_text("1 picked.")


async def test_the_picked_videos_are_downloaded_under_their_names(
    page: Page, laid: Callable[[list[ManifestRow]], str], tmp_path: Path
) -> None:
    laid([PICKED, row(1, "tram", "wide", cast="Turbo", picked=True)])
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        names: list[str] = []
        page.on("download", lambda one: names.append(one.suggested_filename))
        await page.goto(f"http://127.0.0.1:{server.server_port}/b/index.html")
        await page.get_by_role("button", name="Download the videos").click()
        for _ in range(100):
            if len(names) == 2:
                break
            await asyncio.sleep(0.05)
        server.shutdown()
    assert names == ["b-pier-wide.mp4", "b-tram-wide-Turbo.mp4"]


async def test_takes_and_outputs_stand_side_by_side(
    page: Page, laid: Callable[[list[ManifestRow]], str]
) -> None:
    two = {"n": 2}
    await page.goto(
        laid(
            [
                row(1, "tram", "wide"),
                row(2, "tram", "wide", take=2),
                row(3, "tram", "tall", request=two, shot_id="shot-t"),
                row(4, "tram", "tall", request=two, shot_id="shot-t", output=2),
            ]
        )
    )
    await page.get_by_text("Side by side").click()
    tops = {
        await card(page, number).evaluate("card => card.getBoundingClientRect().top")
        for number in (1, 2, 3, 4)
    }
    assert len(tops) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
async def test_axe_finds_nothing(
    browser: Browser,
    laid: Callable[[list[ManifestRow]], str],
    scheme: Literal["light", "dark"],
    width: int,
) -> None:
    page = await browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
    )
    remarked = row(10, "dog", "tall", remarks=["4.0 s long, 10 s were ordered"], take=2)
    await page.goto(laid([*ROWS, PICKED, remarked]))
    await page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    await has_nothing_to_fix(page)
    await page.get_by_text("Side by side").click()
    await page.locator("summary").first.click()
    await has_nothing_to_fix(page)
    await page.evaluate("document.getElementById('copy').showModal()")
    await has_nothing_to_fix(page)


async def has_nothing_to_fix(page: Page) -> None:
    found = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    assert [
        (one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]
    ] == []
