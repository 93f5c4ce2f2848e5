"""Setup of a Prefect server: block types, default blocks, a work pool and a rate limit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar, cast

from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.blocks.prefect_internals import schema_checksum
from prefect_toapis.client.allowance import ALLOWANCES, BURST_SECONDS, AccountGroup
from prefect_toapis.deployments.resources import Outcome, Resource
from prefect_toapis.flows.default_blocks import DEFAULT
from prefect_toapis.tasks.account import SUBMISSIONS

B = TypeVar("B", bound=Block)

WORK_POOL = "videos"


class BlockType(Resource[str]):
    """A block type, identified by the checksum of its schema.

    The checksum changes with later versions of the package.
    """

    def __init__(self, block: type[Block]) -> None:
        checksum = schema_checksum(block)
        super().__init__(f"block type {block.get_block_type_slug()}", checksum, {}, explicit=True)
        self.block = block
        self.checksum = checksum

    async def find(self, client: PrefectClient) -> str | None:
        """Return the checksum if it is registered; empty if another version is."""
        try:
            await client.read_block_type_by_slug(self.block.get_block_type_slug())
        except ObjectNotFound:
            return None
        try:
            return (await client.read_block_schema_by_checksum(self.checksum)).checksum
        except ObjectNotFound:
            return ""

    async def put(self, client: PrefectClient, wanted: str) -> None:
        """Register it."""
        del wanted
        await self.block.aregister_type_and_schema(client=client)


class DefaultBlock(Resource[B]):
    """A block that the flows use by default.

    Args:
        kind: The class of the block.
        wanted: The block from the environment; None if not configured.
        essence: Reduces a saved block to the fields that the environment can set.
        notes: As for all resources.
    """

    def __init__(
        self,
        kind: type[B],
        wanted: B | None,
        essence: Callable[[B], B],
        notes: Mapping[Outcome, str],
    ) -> None:
        super().__init__(f"block {kind.get_block_type_slug()}/{DEFAULT}", wanted, notes)
        self.kind = kind
        self.essence = essence

    async def find(self, client: PrefectClient) -> B | None:
        """Return the comparable fields of the saved block."""
        found = await default_block(self.kind, client)
        return found and self.essence(found)

    async def put(self, client: PrefectClient, wanted: B) -> None:
        """Save it."""
        await wanted.asave(DEFAULT, client=client)


async def default_block(kind: type[B], client: PrefectClient) -> B | None:
    """Load the default block of a class; None if it isn't saved."""
    try:
        return cast("B", await kind.aload(DEFAULT, client=client))
    except ValueError:
        return None


def account_block(wanted: ToAPIsCredentials | None) -> DefaultBlock[ToAPIsCredentials]:
    """Return the credentials block from the environment."""

    def essence(found: ToAPIsCredentials) -> ToAPIsCredentials:
        return ToAPIsCredentials(api_key=found.api_key, base_url=found.base_url)

    notes: dict[Outcome, str] = {
        "created": "With the key in TOAPIS_API_KEY.",
        "kept": "It differs from TOAPIS_API_KEY and TOAPIS_BASE_URL, which were ignored.",
        "skipped": "Set TOAPIS_API_KEY and run this again, or save the block in the UI.",
    }
    return DefaultBlock(ToAPIsCredentials, wanted, essence, notes)


def bucket_block(wanted: VideoBucket | None) -> DefaultBlock[VideoBucket]:
    """Return the bucket block from the environment."""

    def essence(found: VideoBucket) -> VideoBucket:
        return VideoBucket.from_uri(found.uri())  # the environment only sets the URI

    uri = wanted.uri() if wanted else ""
    notes: dict[Outcome, str] = {
        "created": f"{uri}, with the default AWS credentials of the worker: its IAM role, "
        "or AWS_ variables.",
        "kept": f"Its bucket differs from TOAPIS_BUCKET={uri}, which was ignored.",
        "skipped": "Set TOAPIS_BUCKET=s3://name/prefix and run this again, "
        "or save the block in the UI.",
    }
    return DefaultBlock(VideoBucket, wanted, essence, notes)


class WorkPool(Resource[str]):
    """The work pool of the deployments in `prefect.yaml`, by its type."""

    def __init__(self) -> None:
        notes: dict[Outcome, str] = {
            "created": f"Of type process: prefect worker start --pool {WORK_POOL}",
            "kept": "It isn't of type process: its image must include this package.",
        }
        super().__init__(f"work pool {WORK_POOL}", ProcessWorker.type, notes)

    async def find(self, client: PrefectClient) -> str | None:
        """Return its type."""
        try:
            return (await client.read_work_pool(WORK_POOL)).type
        except ObjectNotFound:
            return None

    async def put(self, client: PrefectClient, wanted: str) -> None:
        """Create it."""
        template = ProcessWorker.get_default_base_job_template()
        pool = WorkPoolCreate(name=WORK_POOL, type=wanted, base_job_template=template)
        await client.create_work_pool(pool)


@dataclass(frozen=True)
class Rate:
    """The size of a rate limit.

    Args:
        slots: Maximum burst.
        per_second: Refill rate.
    """

    slots: int
    per_second: float

    @classmethod
    def of(cls, group: AccountGroup) -> "Rate":
        """Return the submission limit of an account; the burst is ten seconds' worth ([D])."""
        burst = ALLOWANCES[group].submissions
        return cls(slots=int(burst), per_second=burst / BURST_SECONDS)

    def __str__(self) -> str:
        """Return the display text."""
        return f"{self.slots} submissions at once, then {self.per_second:g} a second"


class RateLimit(Resource[Rate]):
    """The account's submission limit, shared by all workers.

    Args:
        group: The account group; None: not configured, `default` is used.
    """

    def __init__(self, group: AccountGroup | None) -> None:
        rate = Rate.of(group or "default")
        notes: dict[Outcome, str] = {
            "created": f"{rate}.",
            "updated": f"Now {rate}.",
            "kept": "Of another account group, or created manually; --account-group changes it.",
        }
        super().__init__(f"rate limit {SUBMISSIONS}", rate, notes, explicit=group is not None)

    async def find(self, client: PrefectClient) -> Rate | None:
        """Return its rate."""
        try:
            limit = await client.read_global_concurrency_limit_by_name(SUBMISSIONS)
        except ObjectNotFound:
            return None
        return Rate(limit.limit, limit.slot_decay_per_second)

    async def put(self, client: PrefectClient, wanted: Rate) -> None:
        """Create it, or update its rate."""
        await client.upsert_global_concurrency_limit_by_name(
            SUBMISSIONS, wanted.slots, wanted.per_second
        )
