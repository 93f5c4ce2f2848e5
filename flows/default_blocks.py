"""The default blocks of the flows: saved as `default`, or from environment variables."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from prefect.blocks.core import Block
from prefect.logging import get_run_logger

from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.blocks.prefect_internals import saved_name
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.urls import DEFAULT_BASE_URL
from prefect_toapis.errors import InvalidBatch
from prefect_toapis.tasks.options import run_logger

DEFAULT = "default"

B = TypeVar("B", bound=Block)
T = TypeVar("T")


async def credentials_or_default(given: ToAPIsCredentials | None) -> ToAPIsCredentials:
    """Return the given credentials, the block named `default`, or those of `TOAPIS_API_KEY`.

    Raises:
        ValueError: There are none, or the key is invalid.
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
    """Return the given bucket, the block named `default`, or that of `TOAPIS_BUCKET`.

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


def origin(block: ToAPIsCredentials | VideoBucket) -> str:
    """Say where a default block comes from, without its secrets.

    Args:
        block: From `credentials_or_default` or `bucket_or_default`.

    Example:
        >>> origin(VideoBucket(bucket_name="studio", prefix="videos"))
        'TOAPIS_BUCKET from the environment (s3://studio/videos)'
    """
    name = saved_name(block)
    variable = "TOAPIS_API_KEY" if isinstance(block, ToAPIsCredentials) else "TOAPIS_BUCKET"
    source = (
        f"block {block.get_block_type_slug()}/{name}"
        if name
        else f"{variable} from the environment"
    )
    where = block.base_url if isinstance(block, ToAPIsCredentials) else block.uri()
    return source if where == DEFAULT_BASE_URL else f"{source} ({where})"


def origins(credentials: ToAPIsCredentials | None, bucket: VideoBucket | None) -> dict[str, str]:
    """Return the origin of each block that there is, by `account` and `bucket`."""
    blocks = {"account": credentials, "bucket": bucket}
    return {name: origin(block) for name, block in blocks.items() if block is not None}


async def checked_blocks(
    credentials: ToAPIsCredentials | None, bucket: VideoBucket | None
) -> tuple[ToAPIsCredentials, VideoBucket]:
    """Return the blocks to use, after probing the bucket.

    Args:
        credentials: None: the default block.
        bucket: None: the default block.

    Raises:
        InvalidBatch: A block is missing or unusable.
    """
    faults: list[str] = []
    credentials, bucket = await blocks_or_faults(credentials, bucket, faults)
    if credentials is None or bucket is None:
        raise InvalidBatch(faults)
    return credentials, bucket


async def blocks_or_faults(
    credentials: ToAPIsCredentials | None, bucket: VideoBucket | None, faults: list[str]
) -> tuple[ToAPIsCredentials | None, VideoBucket | None]:
    """Return the blocks to use, after probing the bucket; problems are appended to `faults`."""
    credentials = await _or_fault(credentials_or_default(credentials), faults)
    bucket = await _or_fault(bucket_or_default(bucket), faults)
    return credentials, bucket and await _or_fault(_probed(bucket), faults)


async def _default(kind: type[B], from_environment: Callable[[], B | None]) -> B | None:
    name = kind.__name__
    try:
        block = await kind.aload(DEFAULT)  # raises another error if Prefect's API is unreachable
    except ValueError:
        found = from_environment()
        if found:
            run_logger().info("%s: from the environment", name)
        return found
    run_logger().info('%s: the block named "%s"', name, DEFAULT)
    return block


async def _or_fault(wanted: Awaitable[T], faults: list[str]) -> T | None:
    try:
        return await wanted
    except ToAPIsError as error:
        faults.append(error.as_fault)
    except ValueError as error:
        faults.append(str(error))
    return None


async def _probed(bucket: VideoBucket) -> VideoBucket:
    capabilities = await BucketStore(bucket).probe()
    if not capabilities.conditional_create:
        get_run_logger().warning(
            "The store behind %s ignores conditional writes: run each batch from one process "
            "at a time",
            bucket.uri(),
        )
    return bucket
