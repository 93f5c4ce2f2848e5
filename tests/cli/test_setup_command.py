"""`prefect-toapis setup`, at a server that has seen other things before."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from prefect_toapis import S3Credentials, ToAPIsCredentials, VideoBucket
from prefect_toapis.deployments.alarms import SILENT
from prefect_toapis.deployments.server_resources import WORK_POOL
from prefect_toapis.tasks.account import SUBMISSIONS

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def cleaned_up(prefect_server: None) -> Iterator[None]:
    """The server is the other tests', too: they count on there being no default blocks."""
    yield
    for kind in (ToAPIsCredentials, VideoBucket):
        with suppress(ValueError):
            kind.delete("default")
    with get_client(sync_client=True) as client:
        with suppress(ObjectNotFound):
            client.delete_global_concurrency_limit_by_name(SUBMISSIONS)
        with suppress(ObjectNotFound):
            client.delete_work_pool(WORK_POOL)
        for automation in client.read_automations_by_name(SILENT):
            client.delete_automation(automation.id)


def lines(ended: "subprocess.CompletedProcess[str]") -> list[str]:
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.splitlines()


def test_what_the_environment_does_not_say_is_left_out_with_what_to_do(run: Run) -> None:
    printed = lines(run("setup", TOAPIS_API_KEY="", TOAPIS_BUCKET=""))
    assert "skipped        block toapis-credentials/default" in printed
    assert "skipped        block toapis-video-bucket/default" in printed
    assert any("Set TOAPIS_BUCKET=s3://name/prefix" in line for line in printed)
    assert "created        work pool videos" in printed
    assert not any("IAM policy" in line for line in printed)
    assert "prefect deploy --all" in printed[-1]


def test_what_exists_is_kept_unless_an_option_asks_for_something_else(
    run: Run, bucket: VideoBucket, s3_server: S3Credentials
) -> None:
    elsewhere = VideoBucket(bucket_name="elsewhere", credentials=s3_server)
    elsewhere.save("default")
    assert "created        rate limit toapis-submissions" in lines(run("setup"))
    vip = lines(run("setup", "--account-group", "vip"))
    assert "updated        rate limit toapis-submissions" in vip
    assert any("166 submissions at once, then 16.6 a second" in line for line in vip)
    last = lines(run("setup"))
    assert "kept as is     rate limit toapis-submissions" in last
    assert "kept as is     block toapis-video-bucket/default" in last
    loaded = VideoBucket.load("default")
    assert isinstance(loaded, VideoBucket)
    assert loaded.bucket_name == "elsewhere"
    with get_client(sync_client=True) as client:
        limit = client.read_global_concurrency_limit_by_name(SUBMISSIONS)
    assert (limit.limit, limit.slot_decay_per_second) == (166, 16.6)


def test_its_json_says_what_it_did(run: Run) -> None:
    printed = "".join(lines(run("setup", "--json", TOAPIS_API_KEY="", TOAPIS_BUCKET="")))
    found = json.loads(printed)
    assert {"what", "outcome", "note"} == set(found["resources"][0])
    assert (found["policy"], found["error"]) == (None, None)


def test_a_store_without_lifecycle_rules_is_told_of_and_fails_nothing(
    run: Run, bucket: VideoBucket
) -> None:
    printed = lines(run("setup", COLUMNS="80"))
    assert f"skipped        lifecycle rule for {bucket.uri()}" in printed
    assert all(len(line) <= 80 for line in printed if not line.startswith("  prefect deploy"))


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--notify", "slack-webhook/ops"], {}, "--notify slack-webhook/ops: there is no such"),
        ([], {"TOAPIS_API_KEY": "a key"}, "TOAPIS_API_KEY: the API key contains white space"),
        ([], {"TOAPIS_BUCKET": "videos"}, "TOAPIS_BUCKET: 'videos': give a bucket as s3://"),
        ([], {"PREFECT_API_URL": "http://127.0.0.1:9/api"}, "http://127.0.0.1:9/api"),
    ],
    ids=["notify", "key", "bucket", "server"],
)
def test_what_is_wrong_is_said_before_anything_is_made(
    run: Run, arguments: list[str], environment: dict[str, str], said: str
) -> None:
    ended = run("setup", *arguments, **environment)
    assert ended.returncode == 1
    assert said in ended.stdout
    assert "created " not in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
