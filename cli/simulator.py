"""`prefect-toapis simulator`: the provider on localhost."""

from typing import Annotated

from cyclopts import Parameter
from pydantic import ValidationError
from rich.markup import escape

from prefect_toapis.cli.console import Console
from prefect_toapis.simulator import Dialect, Fault, Simulator, SimulatorSettings, serve
from prefect_toapis.simulator.fault_texts import read_fault


def simulator(  # noqa: PLR0913 - each is an option
    *,
    port: int = 8765,
    render_seconds: tuple[float, float] = (5, 15),
    key: str = "simulator-key",
    balance: float | None = None,
    dialect: Dialect = "documented",
    seed: int = 0,
    fault: Annotated[tuple[str, ...], Parameter(negative="")] = (),
) -> None:
    """Run the ToAPIs video API on localhost, to try things without an account.

    It answers with real MP4s, and counts what was paid at /_simulator/ledger.

    A fault is written OPERATION:ACTION, then what else it needs, each after a colon: before or
    after (the request is carried out), and NAME=VALUE. Some examples:

    submit:drop:after - the first submission is accepted, and its reply is lost

    status:refuse:status=500:times=3 - three queries are answered with an error

    lookup:refuse:status=404:times=all - no query by client_business_id finds anything

    media:truncate:at_bytes=1000:framing=chunked - a video is cut, and nothing shows it

    submit:drop:prompt=dog - only where the prompt has this text

    Operations: submit, character, remix, status, lookup, media, upload, balance, models.
    Actions: conflict, delay, drop, flood, hide, hold, mixup, partial, redirect, refuse, replace,
    rewrite, same_task, trickle, truncate, untidy. The reference of the simulator describes each.
    A fault may be given as JSON, too.

    Args:
        port: Of the API.
        render_seconds: The shortest and the longest time a video takes, in seconds.
        key: The API key that it accepts.
        balance: What the account has, in credits (a video costs 20); unlimited without.
        dialect: How replies are worded: as documented, as a gateway in the wild words them, or
            each generation in its own way.
        seed: Of what is drawn: a random dialect, and the times a video takes.
        fault: What goes wrong; may be given several times.
    """
    console = Console()
    try:
        faults = [read_fault(text) for text in fault]
        settings = SimulatorSettings(
            api_keys=(key,),
            render_seconds=render_seconds,
            balance_credits=balance,
            dialect=dialect,
            seed=seed,
            draw_prompts=True,
            short_side=360,
        )
        _serve(console, settings, port, faults)
    except ValidationError as error:
        for said in _said(error):
            console.print(f"[red]{escape(said)}[/red]", soft_wrap=True)
        raise SystemExit(1) from None
    except (ImportError, OSError, ValueError) as error:
        console.print(f"[red]{escape(str(error))}[/red]", soft_wrap=True)
        raise SystemExit(1) from error


def _said(error: ValidationError) -> list[str]:
    """What is wrong with each option; of several reasons the last, which is the most exact."""
    names = {"balance_credits": "balance"}
    found = {str(fault["loc"][0]): fault["msg"] for fault in error.errors()}
    return [
        f"--{names.get(name, name).replace('_', '-')}: {message.removeprefix('Value error, ')}"
        for name, message in found.items()
    ]


def _serve(console: Console, settings: SimulatorSettings, port: int, faults: list[Fault]) -> None:
    def announce(running: Simulator) -> None:
        running.faults.add(*faults)
        console.print(
            f"The simulator listens. In another terminal:\n\n"
            f"  export TOAPIS_BASE_URL={running.url} TOAPIS_API_KEY={running.api_key}\n\n"
            f"What was paid: {running.url}/_simulator/ledger   Stop with Ctrl-C.",
            highlight=False,
            soft_wrap=True,
        )

    serve(settings, port=port, ready=announce)
