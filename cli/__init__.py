"""The command line: `prefect-toapis`."""

from cyclopts import App

from prefect_toapis.cli import (
    account,
    characters,
    demo,
    gallery,
    generate,
    reconcile,
    setup,
    simulator,
    webhooks,
)

app = App(
    name="prefect-toapis",
    help="Prompts in, finished videos in your own S3 bucket.",
    version_flags=["--version"],
)
app.command(account.balance)
app.command(characters.characters)
app.command(demo.demo)
app.command(gallery.gallery)
app.command(generate.generate)
app.command(account.models)
app.command(reconcile.reconcile)
app.command(setup.setup)
app.command(simulator.simulator)
app.command(webhooks.webhooks)


def main() -> None:
    """What the `prefect-toapis` script calls."""
    app()
