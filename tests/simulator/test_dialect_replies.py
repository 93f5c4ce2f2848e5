"""The dialects over real HTTP: every reply about a generation agrees, and leads to its video."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urljoin

import httpx
import pytest
from tests.provider_clock import ProviderClock

from prefect_toapis.simulator import Dialect, Hide, Simulator, SimulatorSettings

GENERATIONS = "/v1/videos/generations"
BODY = {"model": "sora-2", "prompt": "A dog", "client_business_id": "order-1"}
SEEDS = range(12)


@contextmanager
def provider(
    dialect: Dialect, seed: int = 0, clock: Callable[[], float] = time.time, **settings: Any
) -> Iterator[tuple[Simulator, httpx.Client]]:
    wanted = {"account_group": None, "render_seconds": 0} | settings
    asked = SimulatorSettings(dialect=dialect, seed=seed, **wanted)
    with Simulator(asked, clock=clock) as simulator:
        headers = {"Authorization": f"Bearer {simulator.api_key}"}
        with httpx.Client(base_url=simulator.url, headers=headers) as api:
            yield simulator, api


def texts_in(said: Any) -> list[str]:
    if isinstance(said, dict):
        return [text for one in said.values() for text in texts_in(one)]
    if isinstance(said, list):
        return [text for one in said for text in texts_in(one)]
    return [str(said)]


def fetched(simulator: Simulator, api: httpx.Client, url: str) -> httpx.Response:
    """A file, with the key where it is the API's, and nowhere else."""
    whole = urljoin(simulator.url, url)
    if not whole.startswith(f"{simulator.url}/"):
        return httpx.get(whole)
    assert httpx.get(whole).status_code == 401
    reply = api.get(whole)
    return fetched(simulator, api, reply.headers["location"]) if reply.is_redirect else reply


def videos_in(simulator: Simulator, api: httpx.Client, said: Any) -> list[bytes]:
    urls = [text for text in texts_in(said) if "://" in text or text.startswith("/")]
    files = [fetched(simulator, api, url) for url in urls]
    assert len(urls) == len({*urls}) or any(file.content[:2] == b"\xff\xd8" for file in files)
    return [one.content for one in files if one.headers["content-type"] == "video/mp4"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_generation_is_found_by_both_ids_and_all_its_videos_are_there(seed: int) -> None:
    with provider("random", seed) as (simulator, api):
        submitted = api.post(GENERATIONS, json=BODY | {"metadata": {"n": 2}})
        [paid] = simulator.ledger.paid
        task_id = paid.task_id or ""
        assert task_id in texts_in(submitted.json())
        for wanted in (task_id, "order-1"):
            said = api.get(f"{GENERATIONS}/{quote(wanted, safe='')}").json()
            assert task_id in texts_in(said)
            videos = videos_in(simulator, api, said)
            assert [video[4:8] for video in videos] == [b"ftyp", b"ftyp"]
        assert simulator.ledger.leaked_keys == 0
        assert len(simulator.ledger.downloads) >= 2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_failure_says_why(seed: int) -> None:
    with provider("random", seed) as (simulator, api):
        api.post(GENERATIONS, json=BODY | {"prompt": "fail me"})
        said = texts_in(api.get(f"{GENERATIONS}/order-1").json())
        assert "Content violates the content policy" in said
        assert simulator.ledger.credits_spent == 0


def test_the_gateway_always_speaks_the_same(clock: ProviderClock) -> None:
    settings: dict[str, Any] = {"clock": clock, "balance_credits": 20, "render_seconds": 60}
    with provider("gateway", 1, **settings) as (simulator, api):
        submitted = api.post(GENERATIONS, json=BODY).json()
        [paid] = simulator.ledger.paid
        assert submitted["code"] == "success"
        assert submitted["data"]["task_id"] == paid.task_id != submitted["data"]["id"]
        assert submitted["data"]["status"] == "NOT_START"
        assert api.get(f"{GENERATIONS}/{submitted['data']['id']}").status_code == 404
        clock.skip(61)
        said = api.get(f"{GENERATIONS}/{paid.task_id}").json()["data"]
        assert (said["status"], said["progress"], said["expires_at"]) == ("SUCCESS", "100%", 0)
        assert said["client_business_id"] == "order-1"
        assert said["video_url"] == f"{simulator.url}/v1/videos/{paid.task_id}/content"
        assert fetched(simulator, api, said["video_url"]).content[4:8] == b"ftyp"
        refused = api.post(GENERATIONS, json=BODY)
        assert refused.status_code == 403
        assert refused.json() == {
            "code": "insufficient_user_quota",
            "message": "The balance does not cover this generation",
            "data": None,
        }
        assert [one.paid for one in simulator.ledger.submissions] == [True, False]


def test_the_same_seed_says_the_same() -> None:
    def said(seed: int) -> list[str]:
        with provider("random", seed) as (_, api):
            for number in range(6):
                prompt = {"prompt": f"scene {number}", "client_business_id": f"order-{number}"}
                api.post(GENERATIONS, json=BODY | prompt)
            shapes = [api.get(f"{GENERATIONS}/order-{number}").json() for number in range(7)]
            return [re.sub(r"[\da-fA-F]{8,}|:\d+|\d{4}-\S+", "_", str(one)) for one in shapes]

    assert said(1) == said(1) != said(2)


@pytest.mark.parametrize("dialect", ["documented", "gateway"])
def test_the_content_is_at_the_api_only_where_replies_say_so(dialect: Dialect) -> None:
    with provider(dialect, render_seconds=60) as (simulator, api):
        api.post(GENERATIONS, json=BODY)
        task_id = simulator.ledger.paid[0].task_id
        assert api.get(f"/v1/videos/{task_id}/content").status_code == 404  # not yet, or never
        assert api.get(f"/v1/videos/{task_id}/content?index=2").status_code == 404


def test_a_key_at_the_api_is_no_leak_and_one_at_the_media_port_is() -> None:
    with provider("documented") as (simulator, api):
        api.post(GENERATIONS, json=BODY)
        said = api.get(f"{GENERATIONS}/order-1").json()
        assert simulator.ledger.leaked_keys == 0
        api.get(said["result"]["data"][0]["url"])
        api.get(f"{simulator.media_url}/somewhere/else")
        assert simulator.ledger.leaked_keys == 2


@pytest.mark.parametrize("dialect", ["documented", "random"])
def test_a_character_is_found_in_any_dialect(dialect: Dialect) -> None:
    with provider(dialect, 5) as (simulator, api):
        clip = {"url": "https://files.toapis.com/clip.mp4", "timestamps": "1,3"}
        api.post(GENERATIONS, json=clip)
        task_id = simulator.ledger.paid[0].task_id or ""
        said = api.get(f"/v1/characters_tasks/{quote(task_id, safe='')}").json()
        assert any(re.fullmatch(r"[a-z]{8}\.[a-z_]+", text) for text in texts_in(said))


def test_a_hidden_generation_stays_hidden_in_any_dialect() -> None:
    with provider("random") as (simulator, api):
        simulator.faults.add(Hide(seconds=60))
        api.post(GENERATIONS, json=BODY)
        assert api.get(f"{GENERATIONS}/order-1").status_code == 404
