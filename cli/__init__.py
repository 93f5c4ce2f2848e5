"""The command line: `prefect-toapis`."""

import os
import sys
from importlib.metadata import version

from cyclopts import App

from prefect_toapis.cli.output import keep_output

_COMMANDS = {  # each is imported when it is called: most need little of the others
    "balance": "account",
    "characters": "characters",
    "demo": "demo",
    "gallery": "gallery",
    "generate": "generate",
    "models": "account",
    "reconcile": "reconcile",
    "setup": "setup",
    "simulator": "simulator",
    "webhooks": "webhooks",
}

_INTERRUPTED = 130  # the exit code that shells expect

app = App(
    name="prefect-toapis",
    help="Prompts in, finished videos in your own S3 bucket.",
    version=lambda: version("prefect-toapis"),
    version_flags=["--version"],
)
for name, module in _COMMANDS.items():
    app.command(f"{__name__}.{module}:{name}", name=name)


def main() -> None:
    """What the `prefect-toapis` script calls."""
    os.umask(0o077)  # prompts, plans and videos are the user's own, and so is Prefect's database
    os.environ.setdefault("TOAPIS_TUNE_INTERPRETER", "1")  # the process is the command's own
    keep_output()
    if not {*_COMMANDS, *app.version_flags} & {*sys.argv[1:]}:
        app.resolved_commands()  # the overview says what each does
    try:
        app()
    except KeyboardInterrupt:  # while a command is being imported
        raise SystemExit(_INTERRUPTED) from None
