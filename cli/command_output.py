"""What a command prints: text for people or, with --json, exactly one object on standard output."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from json import dumps
from typing import Any, NoReturn

from rich.console import RenderableType
from rich.markup import escape

from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.cli.console import Console
from prefect_toapis.cli.exit_codes import FAILED, INTERRUPTED, INVALID
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.plain_text import printable_lines
from prefect_toapis.errors import InvalidBatch
from prefect_toapis.flows.default_blocks import origin

_EXPECTED = (ToAPIsError, ValueError, OSError, ImportError, RuntimeError)


class CommandOutput:
    """Prints the result of a command.

    The object has the facts of the command and `error`: null, or what went wrong. People see what
    is printed on `console`; with --json, that is standard error.

    Args:
        json: Whether --json was given.
    """

    def __init__(self, *, json: bool) -> None:
        self.console = Console(stderr=json)
        self.json = json
        self._facts: dict[str, Any] = {}
        self._stdout = sys.stdout
        self._notes = Console(stderr=True)

    def facts(self, **facts: Any) -> None:
        """Add facts to the object: values of JSON."""
        self._facts.update(facts)

    def show(self, *shown: RenderableType) -> None:
        """Print for people alone, a line or a table each; texts aren't cut or interpreted."""
        if not self.json:
            for each in shown:
                text = isinstance(each, str)
                self.console.print(each, highlight=False, markup=not text, soft_wrap=text)

    def using(self, **blocks: ToAPIsCredentials | VideoBucket | str) -> None:
        """Say on standard error where the account or bucket comes from.

        Args:
            blocks: The block in use, or words for it, by `account` or `bucket`.
        """
        for name, block in blocks.items():
            said = block if isinstance(block, str) else origin(block)
            self.facts(**{name: said})
            if not self.json:
                line = f"{name.capitalize()}: {said}"
                self._notes.print(line, highlight=False, markup=False, soft_wrap=True, style="dim")

    def report(self, error: BaseException, message: str = "") -> None:
        """Print what went wrong.

        Args:
            error: Its type, and what it says of money, are in the object.
            message: Instead of the error's own.
        """
        message = message or str(error) or type(error).__name__
        if self.json:
            self._print_object(error_object(error, message))
        else:
            self.console.print(f"[red]{escape(message)}[/red]", highlight=False)

    def fail(self, error: BaseException, message: str = "", code: int = FAILED) -> NoReturn:
        """Print what went wrong, and exit with a code. Arguments: as `report`."""
        self.report(error, message)
        raise SystemExit(code)

    def end(self) -> None:
        """Print the object of a command that succeeded; nothing for people."""
        if self.json:
            self._print_object(None)

    def _print_object(self, error: Mapping[str, Any] | None) -> None:
        # As ASCII, no character of it controls a terminal.
        print(dumps({**self._facts, "error": error}, indent=1), file=self._stdout, flush=True)


@contextmanager
def command_output(*, json: bool) -> Iterator[CommandOutput]:
    """Print the result of a command when it ends, whether it succeeds or fails.

    Args:
        json: Whether --json was given. Whatever else is printed goes to standard error.

    Raises:
        SystemExit: The command failed; the reason was printed.

    Example:
        ```python
        with command_output(json=json) as output:
            output.facts(batches=3)
            output.show("3 batches")
        ```
    """
    output = CommandOutput(json=json)
    with redirect_stdout(sys.stderr) if json else nullcontext():
        try:
            yield output
        except InvalidBatch as error:
            output.fail(error, code=INVALID)
        except KeyboardInterrupt as error:
            output.fail(error, "Interrupted.", INTERRUPTED)
        except _EXPECTED as error:
            output.fail(error)
    output.end()


def error_object(error: BaseException, message: str) -> dict[str, Any]:
    """Return an error as JSON.

    Args:
        error: Its class, and what it says of money and faults.
        message: The sentence for people.

    Example:
        >>> error_object(ValueError("no such batch"), "no such batch")["money"]
        'not spent'
    """
    known = isinstance(error, ToAPIsError)
    return {
        "type": type(error).__name__,
        "message": printable_lines(message),
        "money": error.money if known else "not spent",
        "advice": error.advice or None if known else None,
        "faults": list(getattr(error, "faults", [])),
    }
