"""All that is set up, in its order."""

from collections.abc import AsyncIterator
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound

from prefect_toapis.blocks import S3Credentials, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.allowance import AccountGroup
from prefect_toapis.deployments.alarms import failure_alarm, zombie_alarm
from prefect_toapis.deployments.bucket_resources import AbortRule
from prefect_toapis.deployments.resources import Line, Resource, set_up_resource
from prefect_toapis.deployments.server_resources import (
    BlockType,
    RateLimit,
    WorkPool,
    account_block,
    bucket_block,
    default_block,
)


async def set_up(
    client: PrefectClient, notify: str | None, account_group: AccountGroup | None
) -> AsyncIterator[Line]:
    """Set up a Prefect server and the bucket, piece by piece, and tell what became of each.

    Args:
        client: Of the server.
        notify: A saved notification block, as `slack-webhook/ops`; None: nobody is told.
        account_group: The provider's; None: as it is, or else `default`.

    Raises:
        ValueError: There is no such notification block, or the environment holds a key or a
            bucket that can't be one. Nothing was changed.
    """
    told = await _notification_block(client, notify) if notify else None
    account = ToAPIsCredentials.from_environment()
    if account and (problem := account.problem()):
        raise ValueError(f"TOAPIS_API_KEY: {problem}")
    pieces: list[Resource[Any]] = [
        *(BlockType(block) for block in (ToAPIsCredentials, S3Credentials, VideoBucket)),
        account_block(account),
        bucket_block(VideoBucket.from_environment()),
        WorkPool(),
        RateLimit(account_group),
        failure_alarm(told),
        zombie_alarm(),
    ]
    for piece in pieces:
        yield await set_up_resource(piece, client)
    if bucket := await default_bucket(client):
        yield await set_up_resource(AbortRule(bucket), client)


async def default_bucket(client: PrefectClient) -> VideoBucket | None:
    """The bucket that the flows use by default; None if no such block is saved."""
    return await default_block(VideoBucket, client)


async def _notification_block(client: PrefectClient, place: str) -> BlockDocument:
    slug, _, name = place.partition("/")
    try:
        return await client.read_block_document_by_name(name, slug, include_secrets=False)
    except ObjectNotFound:
        raise ValueError(
            f"--notify {place}: there is no such block; save one in the UI (Blocks), "
            "and name it as type/name: slack-webhook/ops"
        ) from None
