"""Before a batch is split: whether other runs can be started, and can load what they need."""

from collections.abc import Sequence
from importlib.resources import files

from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from prefect_toapis.batches.plan import Shot
from prefect_toapis.batches.shards import unplannable
from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.blocks.prefect_internals import saved_name

_PREFECT_FILE = files("prefect_toapis") / "deployments" / "prefect.yaml"


async def shard_faults(
    shots: Sequence[Shot], credentials: ToAPIsCredentials, bucket: VideoBucket, deployment: str
) -> list[str]:
    """Everything that keeps a batch from being split, a line for each.

    Args:
        shots: That are to be made.
        credentials: Whose account pays.
        bucket: Where to.
        deployment: Of `run_shard`, as `flow/name`.
    """
    blocks: dict[str, Block] = {"credentials": credentials, "bucket": bucket}
    unsaved = [_unsaved(name, block) for name, block in blocks.items() if not saved_name(block)]
    return [*unsaved, *await _missing(deployment), *unplannable(shots)]


def _unsaved(name: str, block: Block) -> str:
    kind = type(block).__name__
    return (
        f"{name}: the runs of a batch in shards load it by its name, and it isn't saved; save it "
        f'and pass it then: {name} = {kind}(...); {name}.save("default"). '
        "`prefect-toapis setup` saves what the environment names"
    )


async def _missing(deployment: str) -> list[str]:
    async with get_client() as client:
        try:
            await client.read_deployment_by_name(deployment)
        except ObjectNotFound:
            deploy = f"prefect deploy --prefect-file {_PREFECT_FILE} -n {deployment}"
            fault = f"settings.shard_deployment: the Prefect server has no {deployment}"
            return [f"{fault}; deploy it: `{deploy}`"]
    return []
