"""A batch as Prefect's artifacts show it."""

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.reports.artifacts import (
    POSTERS_SHOWN,
    ROWS_SHOWN,
    gallery_markdown,
    headline,
    shortfall,
    shot_table,
    shown_videos,
)
from prefect_toapis.reports.escaping import plain
from prefect_toapis.reports.gallery import Links
from prefect_toapis.reports.manifest import Manifest, ManifestRow
from prefect_toapis.reports.plan_artifacts import faults_markdown, plan_markdown

URI = "s3://studio/videos/lisbon"
NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


def row(number: int = 1, status: str = "stored", **told: Any) -> ManifestRow:
    usual: dict[str, Any] = {
        "batch": "lisbon",
        "shot_id": f"shot{number}",
        "scene": f"scene {number}",
        "variant": "wide",
        "status": status,
        "model": "sora-2",
        "prompt": "A tram",
    }
    if status == "stored":
        key = f"lisbon/{number}/video-1.mp4"
        usual |= {"output": 1, "key": key, "uri": f"s3://studio/videos/{key}", "size": 2_500_000}
        usual |= {"submitted_at": NOON, "stored_at": NOON + timedelta(seconds=43)}
        usual |= {"thumbnail_key": f"lisbon/{number}/thumbnail-1.jpg"}
    return ManifestRow(**usual | told)


def batch(*rows: ManifestRow, **told: Any) -> Manifest:
    return Manifest(batch="lisbon", uri=URI, rows=list(rows), **told)


@pytest.mark.parametrize(
    ("statuses", "line", "short"),
    [
        (["stored", "stored"], "2 of 2 shots stored", None),
        (["stored", "failed"], "1 of 2 shots stored, 1 failed", "1 of 2 shots failed"),
        (
            ["failed", "open", "planned"],
            "0 of 3 shots stored, 1 failed, 1 open, 1 not bought",
            "1 of 3 shots failed, 1 open, 1 not bought",
        ),
        (["open", "stored"], "1 of 2 shots stored, 1 open", "1 of 2 shots open"),
    ],
)
def test_how_a_batch_stands_in_a_line(statuses: list[str], line: str, short: str | None) -> None:
    manifest = batch(*[row(number, status) for number, status in enumerate(statuses)])
    assert (headline(manifest), shortfall(manifest)) == (line, short)


def test_the_table_begins_with_what_needs_somebody() -> None:
    manifest = batch(
        row(1), row(2, "planned"), row(3, "open", error="unknown"), row(4, "failed", error="no")
    )
    table = shot_table(manifest)
    assert [line["status"] for line in table] == ["failed", "open", "not bought", "stored"]
    assert table[0]["reason"] == "no"
    assert table[-1] == {
        "shot": "scene 1 / wide",
        "status": "stored",
        "reason": "",
        "took": "43 s",
        "size": "2.5 MB",
        "video": f"{URI}/1/video-1.mp4",
    }
    assert list(table[-1])[-1] == "video"  # the widest


def test_rows_of_earlier_plans_are_left_out() -> None:
    manifest = batch(row(1), row(2, in_plan=False))
    assert len(shot_table(manifest)) == len(shown_videos(manifest)) == 1


def test_posters_stand_in_the_gallery_with_links_and_when_they_end() -> None:
    links = Links({"lisbon/1/video-1.mp4": "https://s3.example/1?X-Amz-Signature=a"}, NOON)
    page = gallery_markdown(batch(row(1), row(2)), {"lisbon/1/thumbnail-1.jpg": b"jpeg"}, links)
    assert '<img src="data:image/jpeg;base64,anBlZw=="' in page
    assert "scene 1 / wide<br>[Play](https://s3.example/1?X-Amz-Signature=a)" in page
    assert "2026-11-24 12:00 UTC" in page
    assert "scene 2 / wide" in page


def test_without_links_the_gallery_says_how_to_have_them() -> None:
    page = gallery_markdown(batch(row(1)), {}, None)
    assert "link_hours" in page
    assert "](http" not in page


def test_what_failed_stands_in_the_gallery_with_its_reason() -> None:
    page = gallery_markdown(batch(row(1), row(2, "failed", error="refused: [content]")), {}, None)
    assert "## Not stored" in page
    assert f"- **scene 2 / wide** (failed): {plain('refused: [content]')}" in page


def test_a_big_batch_is_shown_in_part_and_says_so() -> None:
    many = batch(*[row(number) for number in range(ROWS_SHOWN + 100)])
    page = gallery_markdown(many, {}, None)
    assert f"And {ROWS_SHOWN + 100 - POSTERS_SHOWN} more videos" in page
    assert len(shown_videos(many)) == POSTERS_SHOWN
    assert len(shot_table(many)) == ROWS_SHOWN
    assert "And 100 more shots." in plan_markdown(many, {})


def test_a_plan_says_what_it_would_buy_and_for_how_much() -> None:
    of_wide = {"prompt": "A tram\n# no heading", "request": {"duration": 10}, "scene": "tram"}
    manifest = batch(
        row(1, "planned", **of_wide),
        row(2, "stored", **of_wide | {"variant": "tall"}),
        row(3, "planned", prompt="A cat at"),
        plan="3 shots: 1 stored, 2 to buy; for 20 credits",
    )
    page = plan_markdown(manifest, {"shot1": 20.0})
    assert "**3 shots\\: 1 stored, 2 to buy; for 20 credits.** Nothing was bought." in page
    assert page.count("A tram<br>\\# no heading") == 1  # once for all that is made of it
    assert "| tram / wide | to buy | sora-2 | duration=10 | 20 |" in page
    assert "| tram / tall | stored | sora-2 | duration=10 |  |" in page
    assert "## scene 3\n\nA cat at\n" in page
    assert "| scene 3 / wide | to buy | sora-2 |  | not known |" in page


def test_a_plan_without_prices_says_that_its_cost_is_not_known() -> None:
    page = plan_markdown(batch(row(1, "planned"), plan="1 shot"), {})
    assert "What it costs isn't known" in page
    assert "credits" not in page


def test_long_plans_are_shown_in_part_and_say_so() -> None:
    many = batch(*[row(n, "planned", prompt=f"{n} {'x' * 9000}") for n in range(100)], plan="100")
    page = plan_markdown(many, {})
    assert len(page) < 450_000
    shown = page.count("to buy |")
    assert f"And {100 - shown} more shots." in page


def test_a_refused_plan_has_its_faults_and_a_count_of_the_rest() -> None:
    page = faults_markdown("lisbon", [f"row {number}: no prompt" for number in range(1000)])
    assert "**1000 faults.** Nothing was bought." in page
    assert "- row 199\\: no prompt" in page
    assert "And 800 more." in page


def test_what_failed_can_be_retried_by_a_link() -> None:
    failed = batch(row(1, "failed", error="no"))
    page = gallery_markdown(failed, {}, None, "http://prefect.example/deployments/deployment/7/run")
    link = "[retry-batch/retry-batch](http://prefect.example/deployments/deployment/7/run)"
    assert f"**To retry:** run the deployment {link} with batch = lisbon" in page
    assert "To retry" not in gallery_markdown(batch(row(1)), {}, None)


def test_a_reason_does_not_name_its_shot_again() -> None:
    manifest = batch(row(1, "failed", error="Shot scene 1 / wide: the API refuses"))
    assert shot_table(manifest)[0]["reason"] == "the API refuses"
    assert "(failed): the API refuses" in gallery_markdown(manifest, {}, None)


def test_reasons_in_the_table_are_short() -> None:
    [line] = shot_table(batch(row(1, "failed", error="refused, " * 100)))
    assert len(line["reason"]) <= 80


@given(st.text())
def test_text_never_becomes_markup_or_leaves_its_cell(text: str) -> None:
    shown = plain(text).replace("<wbr>", "")
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>|`*_\[\]()]", shown)
    assert len(shown.splitlines()) <= 1


def test_remarks_stand_in_headline_table_and_gallery() -> None:
    remarks = ["4.0 s long, 10 s were ordered", "black for 96 % of its length"]
    manifest = batch(row(1), row(2, remarks=remarks), row(3, in_plan=False, remarks=["old"]))
    assert headline(manifest) == "2 of 2 shots stored, 1 video has remarks"
    assert shortfall(manifest) is None
    first, second = shot_table(manifest)
    assert (first["shot"], first["reason"]) == ("scene 2 / wide", "; ".join(remarks))
    assert second["reason"] == ""
    page = gallery_markdown(manifest, {}, None)
    assert "## Remarks" in page
    assert f"- **scene 2 / wide** (stored): {plain('; '.join(remarks))}" in page
    assert "old" not in page
