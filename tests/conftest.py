"""Fixtures for every folder of tests: the provider, S3 servers and a Prefect server."""

import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import hypothesis
import pytest
from moto.server import ThreadedMotoServer
from playwright.async_api import Browser, Page, async_playwright
from prefect.logging.configuration import setup_logging
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    PREFECT_SERVER_SERVICES_FOREMAN_ENABLED,
    PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED,
    PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED,
    PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED,
    PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness
from pydantic import SecretStr
from tests.environments import COVERAGE, unmeasured
from tests.prefect_database import FOLDER, with_database
from tests.prefect_server import port_of_its_own
from tests.processes import hear_interrupts
from tests.provider_clock import ProviderClock

from prefect_toapis.blocks import S3Credentials, ToAPIsCredentials, VideoBucket
from prefect_toapis.cli.local_s3 import local_s3
from prefect_toapis.planning.settings import (
    PollingSettings,
    PurchaseSettings,
    RetrySettings,
    RunSettings,
)
from prefect_toapis.simulator import Simulator, SimulatorSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Examples have no time limit: a busy machine must not decide a test.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """Hear Ctrl-C, and have one folder for the database that servers begin with."""
    hear_interrupts()
    if not hasattr(config, "workerinput"):
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="prefect-database-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove that folder."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(FOLDER))


@pytest.fixture
def clock() -> ProviderClock:
    """The provider's, which the test may stop or put forward."""
    return ProviderClock()


@pytest.fixture
def simulator(clock: ProviderClock) -> Iterator[Simulator]:
    """A provider of its own for each test, fast and without rate limits."""
    settings = SimulatorSettings(api_keys=("test-key",), account_group=None, render_seconds=0.2)
    with Simulator(settings, clock=clock) as running:
        yield running


@pytest.fixture(scope="session")
def s3_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where rclone keeps its buckets: each is a folder, each object a file."""
    return tmp_path_factory.mktemp("s3")


@pytest.fixture(scope="session")
def s3_server(s3_folder: Path) -> Iterator[S3Credentials]:
    """Credentials for a real S3 server that ignores If-None-Match, as many stores do."""
    with local_s3(s3_folder) as credentials:
        yield credentials


@pytest.fixture
def bucket(s3_server: S3Credentials) -> VideoBucket:
    """A fresh bucket of rclone's, with a prefix."""
    return _new_bucket(s3_server)


@pytest.fixture(scope="session")
def moto_server() -> Iterator[S3Credentials]:
    """Credentials for a server that answers as AWS does (STS too, at the same endpoint)."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield S3Credentials(
        aws_access_key_id="AKIAEXAMPLE0000TEST1",
        aws_secret_access_key=SecretStr("a-secret-of-the-tests"),
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        addressing_style="path",
    )
    server.stop()


@pytest.fixture
def aws_bucket(moto_server: S3Credentials) -> VideoBucket:
    """A fresh bucket that answers as AWS does, with a prefix."""
    return _new_bucket(moto_server)


_CLIENTS: dict[str | None, "S3Client"] = {}  # to make one takes a tenth of a second


def _client(credentials: S3Credentials) -> "S3Client":
    server = credentials.endpoint_url
    if server not in _CLIENTS:
        _CLIENTS[server] = credentials.get_client()
    return _CLIENTS[server]


def _new_bucket(credentials: S3Credentials) -> VideoBucket:
    name = f"videos-{uuid4().hex[:12]}"
    # Not as a folder behind its back: rclone caches what it knows, and is 50 times slower without.
    _client(credentials).create_bucket(Bucket=name)
    return VideoBucket(bucket_name=name, prefix="team/film", credentials=credentials)


@pytest.fixture
def no_aws_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the developer has set up must not decide a test."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def credentials(simulator: Simulator) -> ToAPIsCredentials:
    """An account at the simulator."""
    return ToAPIsCredentials(api_key=SecretStr(simulator.api_key), base_url=simulator.url)


@pytest.fixture
def quick() -> RunSettings:
    """Timeouts and retries for tests."""
    return RunSettings(
        polling=PollingSettings(first_seconds=0.05, interval_seconds=0.1, grace_seconds=0.5),
        purchases=PurchaseSettings(lookup_window_seconds=1),
        retries=RetrySettings(client_seconds=0.3, task_delays_seconds=[0.1, 0.1]),
    )


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused time and again is asked for again after a second, not a quarter minute."""
    for module in ("circuit_breaker", "transport"):
        monkeypatch.setattr(f"prefect_toapis.client.{module}.LONGEST_PAUSE", 1.0)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What was logged, Prefect's loggers included: those don't pass theirs on."""
    setup_logging()  # else the first flow of the process does it, and drops other handlers
    names = ["prefect", *(n for n in logging.root.manager.loggerDict if n.startswith("prefect"))]
    silent = [logger for logger in map(logging.getLogger, names) if not logger.propagate]
    for logger in silent:
        logger.addHandler(caplog.handler)
    yield caplog
    for logger in silent:
        logger.removeHandler(caplog.handler)


# It asks nothing of hosts that aren't there, and runs as root in a container.
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Headless Chromium, as the system has it."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("there is no browser: install Debian's package `chromium`")
    # The async API: the sync one leaves a running loop in the thread, where no other can start.
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
        yield opened
        await opened.close()


Picture = Callable[[Page, str], Awaitable[None]]


@pytest.fixture
def picture() -> Picture:
    """Keeps what a page shows in the folder that PICTURES names (see `scripts/pictures`)."""
    folder = os.environ.get("PICTURES")

    async def keep(page: Page, name: str) -> None:
        if folder:
            await page.wait_for_timeout(1500)  # until fonts, posters and transitions are there
            await page.screenshot(path=Path(folder) / f"{name}.png")

    return keep


# What a server does besides keeping runs, and no test looks at.
IDLE = [
    PREFECT_SERVER_ANALYTICS_ENABLED,
    PREFECT_SERVER_SERVICES_FOREMAN_ENABLED,
    PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED,
    PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED,
    PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED,
    PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED,
]


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Prefect server with a home and a database of its own."""
    home = tmp_path_factory.mktemp("prefect-home")
    settings = {
        PREFECT_HOME: home,
        PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW: "ignore",  # tasks may run without a flow
        **dict.fromkeys(IDLE, False),
    }
    with ExitStack() as stack:
        stack.enter_context(temporary_settings({**settings}))
        with pytest.MonkeyPatch.context() as environment:
            for name in COVERAGE:
                environment.delenv(name, raising=False)
            database = with_database(tmp_path_factory.mktemp("database"), "prefect-test.db")
            environment.setattr("prefect.testing.utilities.mkdtemp", lambda: str(database))
            port = "prefect.testing.utilities._find_available_port"
            environment.setattr(port, port_of_its_own)
            stack.enter_context(prefect_test_harness(server_startup_timeout=120))
        yield


@pytest.fixture
def environment_with(
    credentials: ToAPIsCredentials, prefect_server: None
) -> Callable[[VideoBucket], dict[str, str]]:
    """For a process elsewhere: the account, a bucket and the Prefect server."""

    def environment(bucket: VideoBucket) -> dict[str, str]:
        store = bucket.credentials
        assert store
        assert store.aws_secret_access_key
        given = {
            "PREFECT_API_URL": PREFECT_API_URL.value(),
            "PREFECT_HOME": str(PREFECT_HOME.value()),
            "TOAPIS_API_KEY": credentials.api_key.get_secret_value(),
            "TOAPIS_BASE_URL": credentials.base_url,
            "TOAPIS_BUCKET": bucket.uri(),
            "AWS_ACCESS_KEY_ID": store.aws_access_key_id,
            "AWS_SECRET_ACCESS_KEY": store.aws_secret_access_key.get_secret_value(),
            "AWS_ENDPOINT_URL": store.endpoint_url,
            "AWS_REGION": store.region_name,
        }
        known = {name: value for name, value in given.items() if value}
        return unmeasured({**os.environ, **known})

    return environment
