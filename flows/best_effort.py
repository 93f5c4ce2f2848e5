"""What isn't needed to buy or store a video: it may fail, but only with a warning."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.exceptions import PrefectException
from prefect.logging import get_run_logger

from prefect_toapis.client.errors import ToAPIsError


@contextmanager
def best_effort(what: str) -> Iterator[None]:
    """Whatever goes wrong within it is a warning in the log.

    Args:
        what: Isn't there then, as a sentence begins: "Prefect can't show the batch".

    Example:
        ```python
        with best_effort("There is no new gallery"):
            await write_gallery(bucket, manifest)
        ```
    """
    try:
        yield
    except ToAPIsError as error:
        get_run_logger().warning("%s: %s", what, error.message)
    except (httpx.HTTPError, PrefectException) as error:
        get_run_logger().warning("%s: %s", what, type(error).__name__)
    except Exception as error:  # noqa: BLE001 - the videos matter more, whatever this was
        get_run_logger().warning("%s: %s", what, type(error).__name__, exc_info=True)
