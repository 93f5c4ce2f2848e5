"""`prefect-toapis setup`: prepares a Prefect server and a bucket for the deployments."""

import asyncio
import json

from prefect.client.orchestration import PrefectClient, get_client
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

from prefect_toapis.cli.console import Console
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


def setup(*, notify: str | None = None, account_group: AccountGroup | None = None) -> None:
    """Prepare a Prefect server and the bucket for the deployments.

    Registers the blocks, saves those named "default" from TOAPIS_API_KEY and TOAPIS_BUCKET, creates
    the work pool, the rate limit, two automations and the bucket's rule for incomplete uploads.
    It can be run again at any time: existing resources are kept and reported.

    Args:
        notify: A saved notification block, such as slack-webhook/ops, for failed batches.
        account_group: The provider's group of the account, which determines the rate limit of all
            workers together. Without it, an existing limit is kept; a new limit is "default".
    """
    console = Console()
    try:
        asyncio.run(_set_up(console, notify, account_group))
    except ValueError as error:
        console.print(f"[red]{escape(str(error))}[/red]", highlight=False)
        raise SystemExit(1) from None


async def _set_up(console: Console, notify: str | None, group: AccountGroup | None) -> None:
    async with get_client() as client:
        console.print(f"Prefect server {client.api_url}\n", highlight=False, soft_wrap=True)
        outcomes: list[Outcome] = []
        async for line in set_up(client, notify, group):
            _show(console, line)
            outcomes.append(line.outcome)
        changed = sum(outcome in {"created", "updated"} for outcome in outcomes)
        console.print(f"\n{_summary(changed)}", highlight=False)
        await _show_policy(console, client)
    console.print(
        "\nNext, the deployments (nightly reads specs/nightly.yaml in the default bucket):\n"
        f"  prefect deploy --all --prefect-file {PREFECT_FILE}",
        highlight=False,
        soft_wrap=True,
    )


def _show(console: Console, line: Line) -> None:
    word, style = _SHOWN[line.outcome]
    console.print(Text.assemble((f"{word:{_COLUMN}}", style), line.what), soft_wrap=True)
    if line.note:
        console.print(Padding(Text(line.note, style="dim"), (0, 0, 0, _COLUMN)))


def _summary(changed: int) -> str:
    if not changed:
        return "Nothing was changed."
    return f"{changed} {'resource was' if changed == 1 else 'resources were'} created or updated."


async def _show_policy(console: Console, client: PrefectClient) -> None:
    if bucket := await default_bucket(client):
        console.print("\nThe IAM policy that workers need for the bucket:")
        console.print(json.dumps(worker_policy(bucket), indent=2), soft_wrap=True, highlight=False)
