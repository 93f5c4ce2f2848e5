"""What a command prints: text for people or, with --json, exactly one object on standard output."""

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from json import dumps
from typing import Any, NoReturn, TextIO

from rich.console import RenderableType
from rich.text import Text

from prefect_toapis.cli.console import Console
from prefect_toapis.cli.exit_codes import FAILED, INTERRUPTED, INVALID, TERMINATED
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.plain_text import printable_lines
from prefect_toapis.errors import InvalidBatch

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
        self._ended = False
        self._stdout = sys.stdout
        self._notes = Console(stderr=True)

    def facts(self, **facts: Any) -> None:
        """Add facts to the object: values of JSON."""
        self._facts.update(facts)

    def show(self, *shown: RenderableType) -> None:
        """Print for people alone, a line or a table each; texts aren't cut or interpreted."""
        if not self.json:
            for each in shown:
                is_text = isinstance(each, str | Text)
                self.console.print(each, highlight=False, markup=False, soft_wrap=is_text)

    def using(self, **origins: str) -> None:
        """Say on standard error where the account or bucket comes from.

        Args:
            origins: See `default_blocks.origin`; by `account` or `bucket`.
        """
        self.facts(**origins)
        for name, origin in origins.items() if not self.json else ():
            line = f"{name.capitalize()}: {origin}"
            self._notes.print(line, highlight=False, markup=False, soft_wrap=True, style="dim")

    def report(self, error: BaseException, message: str = "", style: str = "red") -> None:
        """Print what went wrong.

        Args:
            error: Its type, and what it says of money, are in the object.
            message: Instead of the error's own.
            style: Of the message, for people.
        """
        message = message or str(error) or type(error).__name__
        if self.json:
            self._print_object(error_object(error, message))
        elif not self._ended:
            self.console.print(message, style=style, markup=False, highlight=False)

    def fail(self, error: BaseException, message: str = "", code: int = FAILED) -> NoReturn:
        """Print what went wrong, and exit with a code. Arguments: as `report`."""
        self.report(error, message)
        raise SystemExit(code)

    def exit(self, code: int, error: Mapping[str, Any] | None) -> NoReturn:
        """Exit with the code and the error of a command that this one ran."""
        if self.json:
            self._print_object(error)
        raise SystemExit(code)

    def end(self, failure: BaseException | None = None) -> None:
        """Print the object; nothing for people, who have been shown the result.

        Args:
            failure: What the result is short of.

        Raises:
            SystemExit: There is a failure.
        """
        if self.json:
            self._print_object(error_object(failure, str(failure)) if failure else None)
        self._ended = True
        if failure:
            raise SystemExit(FAILED)

    def _print_object(self, error: Mapping[str, Any] | None) -> None:
        if not self._ended:
            self._ended = True  # a signal may arrive while it is printed
            print_object({**self._facts, "error": error}, self._stdout)


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
    # Imported here because it imports Prefect, which not every command needs.
    from prefect_toapis.cli.api_failures import api_failure  # noqa: PLC0415

    output = CommandOutput(json=json)
    with _terminable(), redirect_stdout(sys.stderr) if json else nullcontext():
        try:
            yield output
        except InvalidBatch as error:
            output.fail(error, code=INVALID)
        except KeyboardInterrupt as error:
            output.fail(error, "Interrupted.", INTERRUPTED)
        except Terminated as error:
            output.fail(error, "Terminated.", TERMINATED)
        except Exception as error:
            why = api_failure(error)
            if why is None and not isinstance(error, _EXPECTED):
                if json:
                    output.report(error)
                raise
            output.fail(error, why or "")
    output.end()


class Terminated(BaseException):
    """SIGTERM was received."""


@contextmanager
def _terminable() -> Iterator[None]:
    """Have SIGTERM end a command as Ctrl-C does; what it does itself about signals comes first."""

    def terminate(*_: object) -> NoReturn:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def print_object(found: Mapping[str, Any], file: TextIO) -> None:
    """Print an object as JSON. As it is in ASCII, no character of it controls a terminal."""
    print(dumps(found, indent=1), file=file, flush=True)


def error_object(error: BaseException, message: str) -> dict[str, Any]:
    """Return an error as JSON.

    Args:
        error: Its class, and what it says of money and faults.
        message: The sentence for people.

    Example:
        >>> error_object(ValueError("no such batch"), "no such batch")["money"]
        'not spent'
    """
    ours = error if isinstance(error, ToAPIsError) else None
    return {
        "type": type(error).__name__,
        "message": printable_lines(message),
        "money": ours.money if ours else "not spent",
        "advice": ours.advice or None if ours else None,
        "faults": list(getattr(error, "faults", [])),
    }


def usage_error(fault: str) -> dict[str, Any]:
    """Return an invalid command line as JSON, with the keys of `error_object`."""
    return {**error_object(ValueError(), fault), "type": "UsageError", "faults": [fault]}
