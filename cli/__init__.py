"""The command line: `prefect-toapis`."""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import NoReturn

from cyclopts import App, CycloptsError

from prefect_toapis.cli.exit_codes import IN_WORDS, INTERRUPTED, INVALID
from prefect_toapis.cli.standard_output import keep_output
from prefect_toapis.client.plain_text import printable

_COMMANDS = {  # imported when called, because most need few of the others' imports
    "balance": "account",
    "characters": "characters",
    "completion": "completion",
    "demo": "demo",
    "fetch": "fetch",
    "gallery": "gallery",
    "generate": "generate",
    "models": "models",
    "pick": "pick",
    "reconcile": "reconcile",
    "setup": "setup",
    "share": "share",
    "simulator": "simulator",
    "spec": "spec",
    "spend": "spend",
    "webhooks": "webhooks",
}

_SHOWN = 100  # characters of an argument in a message

app = App(
    name="prefect-toapis",
    help="Prompts in, finished videos in your own S3 bucket.",
    help_epilogue=IN_WORDS,
    version=lambda: version("prefect-toapis"),
    version_flags=["--version"],
)
for name, module in _COMMANDS.items():
    app.command(f"{__name__}.{module}:{name}", name=name)
app.register_install_completion_command(help="Have this shell complete commands and options.")


def argument_fault(arguments: Sequence[str]) -> str | None:
    r"""Return the fault of the first invalid argument; None if all are valid.

    Prefect stores arguments in its database and shows them in terminals and logs; control
    characters can be rejected by the database and interpreted by terminals.

    Args:
        arguments: Command line arguments.

    Example:
        >>> argument_fault(["gallery", "b\0"])
        'The argument b\\x00 contains a control character; remove it.'
    """
    for argument in arguments:
        if printable(argument, len(argument)) != argument:
            shown = printable(argument, _SHOWN)
            return f"The argument {shown} contains a control character; remove it."
    return None


def main() -> None:
    """Run the `prefect-toapis` command."""
    os.umask(0o077)  # prompts, plans, videos and Prefect's database are private
    os.environ.setdefault("TOAPIS_TUNE_INTERPRETER", "1")  # this process is the command's own
    keep_output()
    as_json = "--json" in sys.argv[1:]
    if fault := argument_fault(sys.argv[1:]):
        _refuse(fault, as_json=as_json)
    if not {*_COMMANDS, *app.version_flags} & {*sys.argv[1:]}:
        app.resolved_commands()  # the overview needs the description of each
    try:
        app(exit_on_error=False, print_error=not as_json)
    except CycloptsError as error:
        if as_json:
            _refuse(str(error), as_json=True)
        raise SystemExit(INVALID) from None
    except KeyboardInterrupt:  # while a command is being imported
        raise SystemExit(INTERRUPTED) from None


def _refuse(fault: str, *, as_json: bool) -> NoReturn:
    """Print what is wrong with the command line, and exit."""
    if as_json:
        # Imported here because it takes a moment, and arguments are rarely wrong.
        from prefect_toapis.cli.command_output import print_object, usage_error  # noqa: PLC0415

        print_object({"error": usage_error(fault)}, sys.stdout)
    else:
        print(fault, file=sys.stderr)
    raise SystemExit(INVALID)
