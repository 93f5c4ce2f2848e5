"""`prefect-toapis simulator`: the provider on localhost."""

from typing import Annotated

from cyclopts import Parameter
from pydantic import ValidationError

from prefect_toapis.cli.command_output import CommandOutput, command_output
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
    true_size: bool = False,
    fault: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Simulate the ToAPIs video API on localhost, for use without an account.

    It returns real MP4s, and lists what was paid at /_simulator/ledger.

    The syntax of a fault is OPERATION:ACTION, followed by options, each after a colon: before or
    after (the request is executed), and NAME=VALUE. Examples:

    submit:drop:after - the first submission is accepted, but its reply is lost

    status:refuse:status=500:times=3 - three queries are answered with an error

    lookup:refuse:status=404:times=all - queries by client_business_id never find anything

    media:truncate:at_bytes=1000:framing=chunked - a video is truncated without any indication

    submit:drop:prompt=dog - only if the prompt contains this text

    submit:defect:kind=no_audio - a video is delivered without the ordered sound

    Operations: submit, character, remix, extend, status, lookup, media, upload, balance, models.
    Actions: conflict, defect, delay, drop, flood, hide, hold, mixup, partial, redirect, refuse,
    replace, rewrite, same_task, trickle, truncate, untidy. The reference of the simulator describes
    each. A fault can also be given as JSON.

    Args:
        port: Of the API.
        render_seconds: The minimum and maximum render time of a video, in seconds.
        key: The API key that it accepts.
        balance: Credits of the account (a video costs 20); unlimited by default.
        dialect: Form of the replies: as documented, as of a gateway in the wild, or different for
            each generation.
        seed: Of random values: dialects and render times.
        true_size: Encode videos in the ordered resolution, which takes long, instead of small.
        fault: To inject; can be given several times.
        json: Print a JSON object once it is running.
    """
    with command_output(json=json) as output:
        try:
            settings = SimulatorSettings(
                api_keys=(key,),
                render_seconds=render_seconds,
                balance_credits=balance,
                dialect=dialect,
                seed=seed,
                draw_prompts=True,
                short_side=None if true_size else 360,
            )
        except ValidationError as error:
            raise ValueError("\n".join(_messages(error))) from None
        _serve(output, settings, port, [read_fault(text) for text in fault])


def _messages(error: ValidationError) -> list[str]:
    """Return a message for each invalid option, from its last and most specific error."""
    names = {"balance_credits": "balance"}
    found = {str(fault["loc"][0]): fault["msg"] for fault in error.errors()}
    return [
        f"--{names.get(name, name).replace('_', '-')}: {message.removeprefix('Value error, ')}"
        for name, message in found.items()
    ]


def _serve(
    output: CommandOutput, settings: SimulatorSettings, port: int, faults: list[Fault]
) -> None:
    def announce(running: Simulator) -> None:
        running.faults.add(*faults)
        ledger = f"{running.url}/_simulator/ledger"
        output.facts(url=running.url, api_key=running.api_key, ledger=ledger)
        output.show(
            "The simulator is running. In another terminal:\n\n"
            f"  export TOAPIS_BASE_URL={running.url} TOAPIS_API_KEY={running.api_key}\n\n"
            f"Paid submissions: {ledger}   Stop with Ctrl-C."
        )
        output.end()

    serve(settings, port=port, ready=announce)
