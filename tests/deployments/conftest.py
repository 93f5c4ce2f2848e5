"""A Prefect server as it is in production, set up and deployed to as a data engineer does it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, temporary_settings
from tests.environments import of_a_user, unmeasured
from tests.postgres import postgres
from tests.prefect_server import PREFECT, PrefectServer
from tests.processes import ended

from prefect_toapis import S3Credentials, VideoBucket
from prefect_toapis.deployments import PREFECT_FILE
from prefect_toapis.simulator import Simulator, SimulatorSettings

SETUP = [sys.executable, "-m", "prefect_toapis.cli", "setup"]
SERVER = {
    "COLUMNS": "80",
    "DO_NOT_TRACK": "1",
    "NO_PROXY": "127.0.0.1,localhost",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "3",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "3",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "1",
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "1",
    "PREFECT_WORKER_QUERY_SECONDS": "1",
}


class Studio(NamedTuple):
    """What a data engineer has."""

    environment: dict[str, str]
    simulator: Simulator
    bucket: VideoBucket


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A fresh server that schedules and whose automations act: the environment to find it by."""
    home = tmp_path_factory.mktemp("fresh-server")
    own = unmeasured(of_a_user())
    with postgres() as url:
        database = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url}
        fresh = PrefectServer(home, own | SERVER | database)
        fresh.start()
        yield fresh.environment
        fresh.stop()


@pytest.fixture(scope="session")
def studio(server: dict[str, str], moto_server: S3Credentials) -> Iterator[Studio]:
    """An account, a bucket, and the environment that names them."""
    name = f"studio-{uuid4().hex[:12]}"
    moto_server.get_client().create_bucket(Bucket=name)
    bucket = VideoBucket(bucket_name=name, prefix="videos", credentials=moto_server)
    assert moto_server.aws_secret_access_key
    settings = SimulatorSettings(
        api_keys=("test-key",),
        account_group=None,
        render_seconds=0.2,
        draw_prompts=True,  # what a picture shows
        short_side=360,
    )
    with Simulator(settings) as simulator:
        environment = server | {
            "TOAPIS_API_KEY": simulator.api_key,
            "TOAPIS_BASE_URL": simulator.url,
            "TOAPIS_BUCKET": bucket.uri(),
            "AWS_ACCESS_KEY_ID": moto_server.aws_access_key_id or "",
            "AWS_SECRET_ACCESS_KEY": moto_server.aws_secret_access_key.get_secret_value(),
            "AWS_ENDPOINT_URL": moto_server.endpoint_url or "",
            "AWS_REGION": "us-east-1",
        }
        yield Studio(environment, simulator, bucket)


@pytest.fixture(scope="session")
def set_up_twice(studio: Studio) -> tuple[str, str]:
    """What `prefect-toapis setup` prints on a fresh server, and then again."""
    return _output(SETUP, studio.environment), _output(SETUP, studio.environment)


@pytest.fixture(scope="session")
def deployed(studio: Studio, set_up_twice: tuple[str, str]) -> Studio:
    """The studio with the deployments of the shipped file, from a machine that knows no bucket."""
    deploy = [*PREFECT, "deploy", "--prefect-file", str(PREFECT_FILE), "--all"]
    own = ("TOAPIS_", "AWS_")
    without = {name: text for name, text in studio.environment.items() if not name.startswith(own)}
    _output(deploy, without)
    return studio


@pytest.fixture(scope="session")
def worker(deployed: Studio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A process worker of the pool."""
    log = tmp_path_factory.mktemp("worker") / "worker.log"
    with running([*PREFECT, "worker", "start", "--pool", "videos"], deployed.environment, log):
        yield


@pytest.fixture
def client(server: dict[str, str]) -> Iterator[SyncPrefectClient]:
    """Of the fresh server, which is this process's too: blocks send events when they are used."""
    api = server["PREFECT_API_URL"]
    with temporary_settings({PREFECT_API_URL: api}), SyncPrefectClient(api) as opened:
        yield opened
    EventsWorker.drain_all()  # it would go on sending the events of later tests to this server


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=log.parent, stdout=output, stderr=output
        )
        with ended(process):
            yield
            process.terminate()
            process.wait(60)


def _output(command: list[str], environment: dict[str, str]) -> str:
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
