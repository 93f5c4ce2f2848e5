"""`prefect-toapis share`: links for whoever has them."""

import json
import re
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import httpx
import pytest
from tests.cli.stored_batch import BATCH, CONTENT, store_batch

from prefect_toapis import VideoBucket

Run = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")


@pytest.fixture
def stored(bucket: VideoBucket) -> VideoBucket:
    store_batch(bucket)
    return bucket


def test_the_link_leads_to_a_page_whose_links_work(call: Run, stored: VideoBucket) -> None:
    before = datetime.now(timezone.utc)
    ended = call("share", BATCH, "--hours", "2", "--json")
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert "X-Amz-Signature" not in ended.stderr
    assert (found["videos"], found["error"]) == (3, None)
    until = datetime.fromisoformat(found["until"])
    assert timedelta(hours=1.9) < until - before < timedelta(hours=2.1)
    page = httpx.get(found["link"])
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    videos = re.findall(r'"video":"(http[^"]*)"', page.text)
    contents = {httpx.get(video.replace("\\u0026", "&")).content for video in videos}
    assert contents == set(CONTENT.values())
    assert stored.read(f"{BATCH}/index.html") is None

    shown = call("share", BATCH)
    link, _, sentence = shown.stdout.splitlines()
    assert link.startswith("http")
    assert "Whoever has this link can watch and download 3 videos until" in sentence


def test_only_picked_videos_are_shared(call: Run, stored: VideoBucket) -> None:
    ended = call("share", BATCH, "--picked")
    assert ended.returncode == 1
    assert "no video of batch spring is picked" in " ".join(ended.stdout.split())
    assert call("pick", BATCH, "tram / wide").returncode == 0
    found = json.loads(call("share", BATCH, "--picked", "--json").stdout)
    assert found["videos"] == 1
    assert "A market" not in httpx.get(found["link"]).text


@pytest.mark.parametrize("hours", ["0", "-1", "169", "nan", "0.001"])
def test_a_lifetime_that_nothing_is_signed_for_is_refused(call: Run, hours: str) -> None:
    ended = call("share", BATCH, f"--hours={hours}", "--json")
    assert ended.returncode == 1
    assert "links work from 1 minute" in json.loads(ended.stdout)["error"]["message"]
