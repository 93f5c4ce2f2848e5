"""Sets up all resources, in order."""

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
    """Set up a Prefect server and the bucket, and yield the outcome for each resource.

    Args:
        client: Of the server.
        notify: A saved notification block, such as `slack-webhook/ops`; None: no notifications.
        account_group: The provider's group; None: keep the current limit, or else `default`.

    Raises:
        ValueError: The notification block doesn't exist, or the key or bucket in the environment
            is invalid. Nothing was changed.
    """
    notification = await _notification_block(client, notify) if notify else None
    account = ToAPIsCredentials.from_environment()
    if account and (problem := account.problem()):
        raise ValueError(f"TOAPIS_API_KEY: {problem}")
    resources: list[Resource[Any]] = [
        *(BlockType(block) for block in (ToAPIsCredentials, S3Credentials, VideoBucket)),
        account_block(account),
        bucket_block(VideoBucket.from_environment()),
        WorkPool(),
        RateLimit(account_group),
        failure_alarm(notification),
        zombie_alarm(),
    ]
    for resource in resources:
        yield await set_up_resource(resource, client)
    if bucket := await default_bucket(client):
        yield await set_up_resource(AbortRule(bucket), client)


async def default_bucket(client: PrefectClient) -> VideoBucket | None:
    """Load the default bucket block; None if it isn't saved."""
    return await default_block(VideoBucket, client)


async def _notification_block(client: PrefectClient, block: str) -> BlockDocument:
    slug, _, name = block.partition("/")
    try:
        return await client.read_block_document_by_name(name, slug, include_secrets=False)
    except ObjectNotFound:
        raise ValueError(
            f"--notify {block}: there is no such block; save a notification block in the UI "
            "(Blocks), and give it as type/name: slack-webhook/ops"
        ) from None
