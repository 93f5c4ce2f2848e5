"""The command line: `prefect-toapis`."""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from cyclopts import App

from prefect_toapis.cli.output import keep_output
from prefect_toapis.client.plain_text import printable

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
_USAGE = 2  # likewise
_SHOWN = 100  # characters of an argument that is refused

app = App(
    name="prefect-toapis",
    help="Prompts in, finished videos in your own S3 bucket.",
    version=lambda: version("prefect-toapis"),
    version_flags=["--version"],
)
for name, module in _COMMANDS.items():
    app.command(f"{__name__}.{module}:{name}", name=name)


def argument_fault(arguments: Sequence[str]) -> str | None:
    r"""Which argument no flow can be given, in a sentence; None if all are well.

    Prefect keeps them in its database and shows them in terminals and logs: of a name with a
    control character one refuses to keep it, and the others act upon it.

    Args:
        arguments: As the shell gives them.

    Example:
        >>> argument_fault(["gallery", "b\0"])
        'The argument b\\x00 holds a control character: give it without.'
    """
    for argument in arguments:
        if printable(argument, len(argument)) != argument:
            shown = printable(argument, _SHOWN)
            return f"The argument {shown} holds a control character: give it without."
    return None


def main() -> None:
    """What the `prefect-toapis` script calls."""
    os.umask(0o077)  # prompts, plans and videos are the user's own, and so is Prefect's database
    os.environ.setdefault("TOAPIS_TUNE_INTERPRETER", "1")  # the process is the command's own
    keep_output()
    if fault := argument_fault(sys.argv[1:]):
        print(fault, file=sys.stderr)
        raise SystemExit(_USAGE)
    if not {*_COMMANDS, *app.version_flags} & {*sys.argv[1:]}:
        app.resolved_commands()  # the overview says what each does
    try:
        app()
    except KeyboardInterrupt:  # while a command is being imported
        raise SystemExit(_INTERRUPTED) from None
