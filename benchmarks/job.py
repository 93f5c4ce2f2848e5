"""What a subject is told: where everything is, and how much there is to do."""

import os
from dataclasses import asdict, dataclass
from json import dumps, loads
from pathlib import Path

_JOB, _REPORT = "BENCHMARK_JOB", "BENCHMARK_REPORT"


@dataclass(frozen=True)
class Job:
    """One piece of work, the same for all subjects that are compared.

    Args:
        api: The simulator's base URL.
        api_key: Its key.
        endpoint: The S3 server's URL.
        access_key: For the S3 server.
        secret_key: For the S3 server.
        bucket: The bucket for the videos, new for each run.
        shots: How many videos.
        downloads: How many are stored at once.
        group: The account group whose limits the client keeps to.
        first: Seconds before the first status query.
        every: Seconds between two of them, for subjects that ask at fixed times.
        watch: For how many seconds shots are to be under way, on average, for subjects that only
            wait.
        urls: Of the files to store, for subjects that only store.
    """

    api: str
    api_key: str
    endpoint: str
    access_key: str
    secret_key: str
    bucket: str
    shots: int
    downloads: int = 4
    group: str = "svip"
    first: float = 5.0
    every: float = 10.0
    watch: float = 0.0
    urls: tuple[str, ...] = ()

    def environment(self, report: Path) -> dict[str, str]:
        """For the subject's process."""
        tuned = {"TOAPIS_TUNE_INTERPRETER": "1"}  # as the command line and the deployments have it
        return {**tuned, _JOB: dumps(asdict(self)), _REPORT: str(report)}

    @property
    def prompts(self) -> list[str]:
        """One for each video."""
        return [f"A yellow tram climbs a hill in Lisbon, take {n}" for n in range(self.shots)]


def given_job() -> Job:
    """The job of this process."""
    return Job(**loads(os.environ[_JOB]))


def report_path() -> Path:
    """Where this process says what it measured itself."""
    return Path(os.environ[_REPORT])
