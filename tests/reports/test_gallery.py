"""What a batch's page is made of; tests/browser/test_gallery_page.py looks at it."""

import base64
import hashlib
import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.reports.gallery import Links, gallery_html
from prefect_toapis.reports.manifest import Manifest, ManifestRow

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone(timedelta(hours=1)))


def row(**about: Any) -> ManifestRow:
    stored = {
        "batch": "b",
        "shot_id": "shot-1",
        "scene": "tram",
        "variant": "wide",
        "status": "stored",
        "output": 1,
        "key": "b/tram/video-1.mp4",
        "thumbnail_key": "b/tram/thumbnail-1.jpg",
        "uri": "s3://videos/b/tram/video-1.mp4",
        "size": 3_456_789,
        "sha256": "ab12",
        "model": "sora-2",
        "prompt": "@x.turbo rides",
        "task_id": "video_1",
    }
    return ManifestRow(**stored | about)


def manifest(*rows: ManifestRow) -> Manifest:
    return Manifest(batch="b", uri="s3://videos/b", rows=list(rows))


def data(page: str) -> dict[str, Any]:
    (embedded,) = re.findall(r'<script type="application/json" id="batch">(.*?)</script>', page)
    found: dict[str, Any] = json.loads(embedded)
    return found


def card(links: Links | None = None, **about: Any) -> dict[str, Any]:
    (one,) = data(gallery_html(manifest(row(**about)), links))["rows"]
    found: dict[str, Any] = one
    return found


def facts(**about: Any) -> dict[str, str]:
    return dict(card(**about)["facts"])


def test_the_same_manifest_gives_the_same_page() -> None:
    assert gallery_html(manifest(row(), row())) == gallery_html(manifest(row(), row()))


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("b/tram/video-1.mp4", "./tram/video-1.mp4"),
        ("b/a b#c?d%/ü.mp4", "./a%20b%23c%3Fd%25/%C3%BC.mp4"),
        ("requests/tram/video-1.mp4", "../requests/tram/video-1.mp4"),
        ("b/javascript:run()", "./javascript%3Arun%28%29"),
        ("b///evil.example/x", ".///evil.example/x"),
        (None, None),
    ],
)
def test_videos_are_linked_relative_to_the_page(key: str | None, address: str | None) -> None:
    assert card(key=key)["video"] == address
    assert card(thumbnail_key=key)["poster"] == address


def test_signed_links_stand_in_for_relative_ones_with_their_end() -> None:
    signed = "https://s3.example:9000/v/b/tram/video-1.mp4?X-Amz-Signature=1"
    links = Links({"b/tram/video-1.mp4": signed}, until=NOON)
    page = gallery_html(manifest(row()), links)
    (one,) = data(page)["rows"]
    assert (one["video"], one["poster"]) == (signed, "./tram/thumbnail-1.jpg")
    assert data(page)["until"] == "2026-11-22 11:00 UTC"
    assert data(page)["ends"] == NOON.timestamp()
    assert "media-src &#x27;self&#x27; file: https://s3.example:9000;" in page
    assert data(gallery_html(manifest(row())))["until"] is None


@pytest.mark.parametrize(
    "url", ["javascript:run()", "//evil.example/x", "data:text/html,x", "https://a;b/x", ""]
)
def test_a_link_that_is_no_address_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="b/x: its link is not an http"):
        Links({"b/x": url}, until=NOON)


def test_only_its_own_script_and_style_may_run() -> None:
    page = gallery_html(manifest(row()))
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', page)
    for tag, rule in [("script", "script-src"), ("style", "style-src")]:
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{rule} &#x27;sha256-{digest}&#x27;" in policy
    assert policy.startswith("default-src &#x27;none&#x27;;")
    assert "unsafe" not in policy
    assert "://" not in policy


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_can_leave_the_element_it_is_in(text: str) -> None:
    hostile = f"{text}</script><!--<script>{text}"
    page = gallery_html(manifest(row(prompt=hostile, scene=hostile, request={hostile: hostile})))
    plain = gallery_html(manifest(row()))
    for markup in ("<script", "</script", "<!--", "<img"):
        assert page.count(markup) == plain.count(markup)
    (one,) = data(page)["rows"]
    assert (one["prompt"], one["scene"]) == (hostile, hostile)
    assert dict(one["facts"])[hostile] == hostile


def test_the_name_of_the_batch_is_text_too() -> None:
    page = gallery_html(Manifest(batch="<b>", uri="s3://videos/<b>"))
    assert "<title>&lt;b&gt;</title>" in page
    assert "<h1>&lt;b&gt;</h1>" in page


def test_a_card_tells_what_is_needed_to_find_check_and_make_it_again() -> None:
    request = {
        "duration": 10,
        "hd": True,
        "image_urls": ["https://a.example/1.png", "https://a.example/2.png"],
        "metadata": {"refs": ["ü"]},
    }
    told = facts(
        request=request,
        characters=["x.made"],
        submitted_at=NOON - timedelta(minutes=3),
        stored_at=NOON,
    )
    assert told == {
        "model": "sora-2",
        "duration": "10 s",
        "hd": "yes",
        "image_urls": "https://a.example/1.png\nhttps://a.example/2.png",
        "metadata": '{"refs": ["ü"]}',
        "characters made": "@x.made",
        "size": "3.5 MB (3,456,789 bytes)",
        "SHA-256": "ab12",
        "task id": "video_1",
        "shot id": "shot-1",
        "submitted": "2026-11-22 10:57 UTC",
        "stored": "2026-11-22 11:00 UTC",
        "took": "180 s",
        "URI": "s3://videos/b/tram/video-1.mp4",
    }


@pytest.mark.parametrize(
    ("request_", "short"),
    [
        ({}, "sora-2"),
        ({"duration": 10, "aspect_ratio": "16:9"}, "sora-2 · 10 s · 16:9"),
        ({"style": "anime", "hd": True, "seed": 3}, "sora-2 · anime · hd"),
        ({"hd": False}, "sora-2"),
    ],
)
def test_the_settings_in_short(request_: dict[str, Any], short: str) -> None:
    assert card(request=request_)["short"] == short


@pytest.mark.parametrize(
    ("aspect_ratio", "tall"),
    [
        ("9:16", True),
        ("16:9", False),
        ("1:1", False),
        ("720x1280", True),
        ("tall", False),
        (7, False),
    ],
)
def test_what_is_tall_is_known_before_it_is_loaded(aspect_ratio: object, tall: bool) -> None:
    assert card(request={"aspect_ratio": aspect_ratio})["tall"] is tall


def test_who_is_in_it_comes_from_the_prompt_and_from_what_it_made() -> None:
    prompt = "@x.turbo. meets @y.baron, @y.baron; mail me@home.example"
    assert card(prompt=prompt, characters=["z.new"])["who"] == ["x.turbo", "y.baron", "z.new"]


def test_outputs_are_numbered_where_there_are_several() -> None:
    assert card(output=2, request={"n": 3})["output"] == 2
    assert card(output=1)["output"] is None


def test_what_is_not_stored_keeps_its_reason() -> None:
    about = card(status="failed", key=None, thumbnail_key=None, error="refused", in_plan=False)
    assert (about["video"], about["error"], about["status"]) == (None, "refused", "failed")
    assert about["inPlan"] is False
