"""`prefect-toapis setup`: prepares a Prefect server and a bucket for the deployments."""

import asyncio
from dataclasses import asdict
from json import dumps
from typing import Annotated

from cyclopts import Parameter
from prefect.client.orchestration import get_client
from rich.padding import Padding
from rich.text import Text

from prefect_toapis.cli.command_output import CommandOutput, command_output
from prefect_toapis.client.allowance import AccountGroup
from prefect_toapis.deployments import PREFECT_FILE
from prefect_toapis.deployments.bucket_resources import worker_policy
from prefect_toapis.deployments.resources import Line, Outcome
from prefect_toapis.deployments.setting_up import default_bucket, set_up

_SHOWN: dict[Outcome, tuple[str, str]] = {
    "created": ("created", "green"),
    "updated": ("updated", "green"),
    "unchanged": ("unchanged", "dim"),
    "kept": ("kept as is", "yellow"),
    "skipped": ("skipped", "yellow"),
}
_COLUMN = 15


def setup(
    *,
    notify: str | None = None,
    account_group: AccountGroup | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Prepare a Prefect server and the bucket for the deployments.

    Registers the blocks, saves those named "default" from TOAPIS_API_KEY and TOAPIS_BUCKET, creates
    the work pool, the rate limit, two automations and the bucket's rule for incomplete uploads.
    It can be run again at any time: existing resources are kept and reported.

    Args:
        notify: A saved notification block, such as slack-webhook/ops, for failed batches.
        account_group: The provider's group of the account, which determines the rate limit of all
            workers together. Without it, an existing limit is kept; a new limit is "default".
        json: Print a JSON object.
    """
    with command_output(json=json) as output:
        asyncio.run(_set_up(output, notify, account_group))


async def _set_up(output: CommandOutput, notify: str | None, group: AccountGroup | None) -> None:
    async with get_client() as client:
        output.facts(server=str(client.api_url))
        output.show(f"Prefect server {client.api_url}\n")
        lines: list[Line] = []
        async for line in set_up(client, notify, group):
            lines.append(line)
            _show(output, line)
        changed = sum(line.outcome in {"created", "updated"} for line in lines)
        bucket = await default_bucket(client)
        policy = worker_policy(bucket) if bucket else None
        output.facts(resources=[asdict(line) for line in lines], changed=changed, policy=policy)
        output.show(f"\n{_summary(changed)}")
        if policy:
            output.show(
                "\nThe IAM policy that workers need for the bucket:", dumps(policy, indent=2)
            )
    output.show(
        "\nNext, the spec that nightly reads, and the deployments:\n"
        "  prefect-toapis spec put nightly.yaml\n"
        f"  prefect deploy --all --prefect-file {PREFECT_FILE}"
    )


def _show(output: CommandOutput, line: Line) -> None:
    word, style = _SHOWN[line.outcome]
    output.show(Text.assemble((f"{word:{_COLUMN}}", style), line.what))
    if line.note:
        output.show(Padding(Text(line.note, style="dim"), (0, 0, 0, _COLUMN)))


def _summary(changed: int) -> str:
    if not changed:
        return "Nothing was changed."
    return f"{changed} {'resource was' if changed == 1 else 'resources were'} created or updated."
