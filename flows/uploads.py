"""Files first: what shots and characters refer to is uploaded before them, each content once."""

import asyncio
from collections.abc import Iterable, Mapping

from prefect.logging import get_run_logger

from prefect_toapis.batches.files import File
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.flows.run_tasks import RunTasks
from prefect_toapis.tasks.uploads import upload_clip, upload_image

_AT_ONCE = 4  # files of 50 MB at most, in memory


async def upload_files(
    references: Iterable[str], files: Mapping[str, File], tasks: RunTasks
) -> dict[str, ToAPIsError]:
    """Upload the contents that are referred to, each once, none able to stop another.

    Args:
        references: To the contents.
        files: Where they are, by reference.
        tasks: Of the run.

    Returns:
        Why some could not be uploaded, by reference.
    """
    uploads = {"image": tasks.bind(upload_image), "video": tasks.bind(upload_clip)}
    at_once = asyncio.Semaphore(_AT_ONCE)
    failed: dict[str, ToAPIsError] = {}

    async def upload(reference: str) -> None:
        file = files[reference]
        try:
            async with at_once:
                await uploads[file.kind](file.path)
        except ToAPIsError as error:
            error.message = f"{file.path}: {error.message}"
            get_run_logger().error("%s", error)
            failed[reference] = error

    wanted = dict.fromkeys(references)
    await asyncio.gather(*[upload(one) for one in wanted if one in files])
    return failed
