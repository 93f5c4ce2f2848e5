"""The plan that a batch has so far, or what stands for one that is missing or damaged."""

from prefect.logging import get_run_logger
from stamina import BoundAsyncRetryingCaller

from prefect_toapis.batches.errors import DocumentDamaged
from prefect_toapis.batches.inventory import Inventory
from prefect_toapis.batches.plan_file import PlanFile, plan_from_record, plan_key, read_plan
from prefect_toapis.batches.record_reading import read_record
from prefect_toapis.blocks import BucketStore


async def read_earlier_plan(
    batch: str, inventory: Inventory, store: BucketStore, patient: BoundAsyncRetryingCaller
) -> PlanFile | None:
    """The latest plan of a batch, or the shots of its record; None for a new batch.

    Args:
        batch: Its name.
        inventory: What its keys say.
        store: Where it is.
        patient: Calls the store, again and again while it is unavailable.

    Raises:
        DocumentTooNew: A later version of this package wrote the plan.
        StoreError: The bucket doesn't answer.
    """
    key = plan_key(batch)
    try:
        content = await patient(store.read, key)
        if content is not None:
            return read_plan(content, key, store.uri(key))
        if not inventory.records:
            return None
    except DocumentDamaged as damage:
        get_run_logger().warning("%s; it is made anew from the record", damage.message)
    return plan_from_record(batch, store.uri(), await patient(read_record, batch, store))
