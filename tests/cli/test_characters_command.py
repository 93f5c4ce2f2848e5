"""`prefect-toapis characters`."""

import subprocess
from collections.abc import Callable
from datetime import datetime, timezone

from prefect_toapis import MadeCharacter, VideoBucket
from prefect_toapis.client.requests import CharacterRequest
from prefect_toapis.planning.identity import character_id

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_shows_who_was_made_from_what_and_when(call: Run, bucket: VideoBucket) -> None:
    empty = call("characters")
    assert (empty.returncode, empty.stdout) == (0, "No characters yet.\n")
    for name, hour, source in [
        ("Baron", 13, {"from_task": "video_7497"}),
        ("Turbo", 12, {"url": "https://media.example/turbo.mp4"}),
    ]:
        made = MadeCharacter(
            name=name,
            username=f"x.{name.lower()}",
            timestamps="1,3",
            model="sora-2",
            task_id="task_1",
            business_id="pt-1",
            made_at=datetime(2026, 11, 22, hour, tzinfo=timezone.utc),
            **source,
        )
        request = CharacterRequest(timestamps="1,3", **source)
        key = f"characters/{name.lower()}-{character_id(request)[:12]}/character.json"
        bucket.write(key, made.to_json(), "application/json")
    shown = call("characters")
    assert shown.returncode == 0, shown.stderr
    header, turbo, baron = [line.split() for line in shown.stdout.splitlines() if line.strip()]
    assert header == ["name", "username", "source", "made", "(UTC)"]
    assert turbo[:3] == ["Turbo", "@x.turbo", "https://media.example/turbo.mp4"]
    assert baron == ["Baron", "@x.baron", "video_7497", "at", "1,3", "2026-11-22", "13:00"]


def test_a_bucket_that_can_not_be_reached_is_told_in_one_sentence(call: Run) -> None:
    ended = call("characters", TOAPIS_BUCKET="")
    assert ended.returncode == 1
    assert "TOAPIS_BUCKET" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
