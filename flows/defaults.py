"""Which blocks a flow uses when it is given none: the saved `default`, or the environment."""

import logging
from collections.abc import Callable
from typing import TypeVar

from prefect.blocks.core import Block
from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger
from prefect.logging.loggers import LoggingAdapter

from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket

DEFAULT = "default"

B = TypeVar("B", bound=Block)


async def credentials_or_default(given: ToAPIsCredentials | None) -> ToAPIsCredentials:
    """The credentials given, the block named `default`, or those of `TOAPIS_API_KEY`.

    Raises:
        ValueError: There are none, or their key can't be one.
    """
    found = given or await _default(ToAPIsCredentials, ToAPIsCredentials.from_environment)
    if found is None:
        raise ValueError(
            "credentials: there are none; pass ToAPIsCredentials, save a block named "
            f'"{DEFAULT}", or set TOAPIS_API_KEY'
        )
    if problem := found.problem():
        raise ValueError(f"credentials: {problem}")
    return found


async def bucket_or_default(given: VideoBucket | None) -> VideoBucket:
    """The bucket given, the block named `default`, or that of `TOAPIS_BUCKET`.

    Raises:
        ValueError: There is none.
    """
    found = given or await _default(VideoBucket, VideoBucket.from_environment)
    if found is None:
        raise ValueError(
            f'bucket: there is none; pass a VideoBucket, save a block named "{DEFAULT}", '
            "or set TOAPIS_BUCKET=s3://name/prefix"
        )
    return found


async def _default(kind: type[B], from_environment: Callable[[], B | None]) -> B | None:
    name = kind.__name__
    try:
        block = await kind.aload(DEFAULT)  # an API that can't be reached is an error, not a miss
    except ValueError:
        found = from_environment()
        if found:
            _logger().info("%s: from the environment", name)
        return found
    _logger().info('%s: the block named "%s"', name, DEFAULT)
    return block


def _logger() -> "logging.Logger | LoggingAdapter":
    """The run's, or ours where nothing runs: on the command line."""
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("prefect_toapis")
