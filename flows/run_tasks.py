"""The tasks as one run calls them."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from prefect import Task
from prefect.utilities.annotations import quote

from prefect_toapis.batches.spec import RunSettings
from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.tasks.steps import with_delays

R = TypeVar("R")
Step = Callable[[Any], Coroutine[Any, Any, R]]


@dataclass(frozen=True)
class RunTasks:
    """What the tasks of one run share.

    Args:
        credentials: Whose account pays.
        bucket: Where everything is kept.
        settings: Waits, bounds and retries.
    """

    credentials: ToAPIsCredentials
    bucket: VideoBucket
    settings: RunSettings

    def bind(self, task: Task[..., Coroutine[Any, Any, R]]) -> Step[R]:
        """A task that takes its subject alone: a shot, a generation, a character or a file."""
        patient = with_delays(task, self.settings)
        # Quoted: Prefect would search them for results of other tasks, several times for each run.
        shared: dict[str, Any] = {
            "credentials": quote(self.credentials),
            "bucket": quote(self.bucket),
            "settings": quote(self.settings),
        }

        async def run(subject: Any) -> R:
            result: R = await patient(subject, **shared)
            return result

        return run
