"""What a Prefect server needs: types of blocks, the blocks themselves, a work pool, a limit."""

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
from prefect_toapis.tasks.allowance import SUBMISSIONS

B = TypeVar("B", bound=Block)

WORK_POOL = "videos"


class BlockType(Resource[str]):
    """A type of block as the UI offers it, by the checksum of its fields.

    A later version of the package changes it.
    """

    def __init__(self, block: type[Block]) -> None:
        checksum = schema_checksum(block)
        super().__init__(f"block type {block.get_block_type_slug()}", checksum, {}, asked=True)
        self.block = block
        self.checksum = checksum

    async def find(self, client: PrefectClient) -> str | None:
        """The checksum, if the server knows it; empty if it knows another one."""
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
    """A block that the flows use where they are given none.

    Args:
        wanted: As the environment has it; None if it says nothing.
        essence: What of a saved block is compared with the environment's.
        notes: As for all pieces.
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
        """What is saved."""
        found = await default_block(self.kind, client)
        return found and self.essence(found)

    async def put(self, client: PrefectClient, wanted: B) -> None:
        """Save it."""
        await wanted.asave(DEFAULT, client=client)


async def default_block(kind: type[B], client: PrefectClient) -> B | None:
    """The block of a kind that the flows use by default; None if it isn't saved."""
    try:
        return cast("B", await kind.aload(DEFAULT, client=client))
    except ValueError:
        return None


def account_block(wanted: ToAPIsCredentials | None) -> DefaultBlock[ToAPIsCredentials]:
    """The key, as the environment has it."""

    def essence(found: ToAPIsCredentials) -> ToAPIsCredentials:
        return ToAPIsCredentials(api_key=found.api_key, base_url=found.base_url)

    notes: dict[Outcome, str] = {
        "made": "With the key in TOAPIS_API_KEY.",
        "kept": "It isn't what TOAPIS_API_KEY and TOAPIS_BASE_URL say, which were not used.",
        "left out": "Set TOAPIS_API_KEY and run this again, or save the block in the UI.",
    }
    return DefaultBlock(ToAPIsCredentials, wanted, essence, notes)


def bucket_block(wanted: VideoBucket | None) -> DefaultBlock[VideoBucket]:
    """The bucket, as the environment has it."""

    def essence(found: VideoBucket) -> VideoBucket:
        return VideoBucket.from_uri(found.uri())  # the environment tells its place alone

    place = wanted.uri() if wanted else ""
    notes: dict[Outcome, str] = {
        "made": f"{place}, with the AWS credentials that a worker finds by itself: its IAM role, "
        "or AWS_ variables.",
        "kept": f"It is another bucket than TOAPIS_BUCKET={place}, which was not used.",
        "left out": "Set TOAPIS_BUCKET=s3://name/prefix and run this again, "
        "or save the block in the UI.",
    }
    return DefaultBlock(VideoBucket, wanted, essence, notes)


class WorkPool(Resource[str]):
    """Where the deployments of `prefect.yaml` wait for a worker, by its type."""

    def __init__(self) -> None:
        notes: dict[Outcome, str] = {
            "made": f"Of type process: prefect worker start --pool {WORK_POOL}",
            "kept": "It isn't of type process: have this package in its image.",
        }
        super().__init__(f"work pool {WORK_POOL}", ProcessWorker.type, notes)

    async def find(self, client: PrefectClient) -> str | None:
        """Its type."""
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
    """How much a rate limit lets through.

    Args:
        slots: At once.
        per_second: How many come back.
    """

    slots: int
    per_second: float

    @classmethod
    def of(cls, group: AccountGroup) -> "Rate":
        """What an account may submit: the provider's bucket holds ten seconds' worth ([D])."""
        burst = ALLOWANCES[group].submissions
        return cls(slots=int(burst), per_second=burst / BURST_SECONDS)

    def __str__(self) -> str:
        """As people see it."""
        return f"{self.slots} submissions at once, then {self.per_second:g} a second"


class RateLimit(Resource[Rate]):
    """What the account may submit, shared by all workers.

    Args:
        group: The account's; None: nobody has said, so that it is `default`.
    """

    def __init__(self, group: AccountGroup | None) -> None:
        rate = Rate.of(group or "default")
        notes: dict[Outcome, str] = {
            "made": f"{rate}.",
            "changed": f"Now {rate}.",
            "kept": "Of another account group, or made by hand; --account-group changes it.",
        }
        super().__init__(f"rate limit {SUBMISSIONS}", rate, notes, asked=group is not None)

    async def find(self, client: PrefectClient) -> Rate | None:
        """Its rate."""
        try:
            limit = await client.read_global_concurrency_limit_by_name(SUBMISSIONS)
        except ObjectNotFound:
            return None
        return Rate(limit.limit, limit.slot_decay_per_second)

    async def put(self, client: PrefectClient, wanted: Rate) -> None:
        """Create it, or change its rate."""
        await client.upsert_global_concurrency_limit_by_name(
            SUBMISSIONS, wanted.slots, wanted.per_second
        )
