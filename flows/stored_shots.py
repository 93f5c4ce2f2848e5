"""Reading what is stored of a shot."""

from pydantic import ValidationError

from prefect_toapis.batches.errors import StoreError
from prefect_toapis.batches.manifest import StoredShot
from prefect_toapis.flows.preflight import Ready


async def read_stored(ready: Ready, key: str) -> StoredShot | None:
    """A `shot.json`; None if there is none.

    Args:
        ready: The batch.
        key: Of the file.

    Raises:
        StoreError: The bucket doesn't answer, or the file can't be understood.
    """
    content = await ready.patient()(ready.store.read, key)
    try:
        return StoredShot.model_validate_json(content) if content else None
    except ValidationError as error:
        what = f"{ready.bucket.uri(key)} is damaged, or of a later version"
        raise StoreError(what) from error
