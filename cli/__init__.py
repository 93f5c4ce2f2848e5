"""The command line: `prefect-toapis`."""

from cyclopts import App

app = App(
    name="prefect-toapis",
    help="Prompts in, finished videos in your own S3 bucket.",
    version_flags=["--version"],
)
# By name, so that a command costs only its own imports.
app.command("prefect_toapis.cli.account:balance")
app.command("prefect_toapis.cli.characters:characters")
app.command("prefect_toapis.cli.demo:demo")
app.command("prefect_toapis.cli.generate:generate")
app.command("prefect_toapis.cli.account:models")
app.command("prefect_toapis.cli.simulator:simulator")


def main() -> None:
    """What the `prefect-toapis` script calls."""
    app()
