"""`prefect-toapis simulator`: the provider on localhost."""

from rich.markup import escape

from prefect_toapis.cli.console import Console
from prefect_toapis.simulator import Simulator, SimulatorSettings, serve


def simulator(
    *,
    port: int = 8765,
    render_seconds: tuple[float, float] = (5, 15),
    key: str = "simulator-key",
) -> None:
    """Run the ToAPIs video API on localhost, to try things without an account.

    It answers with real MP4s, and counts what was paid at /_simulator/ledger.

    Args:
        port: Of the API.
        render_seconds: The shortest and the longest time a video takes, in seconds.
        key: The API key that it accepts.
    """
    console = Console()
    settings = SimulatorSettings(
        api_keys=(key,), render_seconds=render_seconds, draw_prompts=True, short_side=360
    )

    def announce(running: Simulator) -> None:
        console.print(
            f"The simulator listens. In another terminal:\n\n"
            f"  export TOAPIS_BASE_URL={running.url} TOAPIS_API_KEY={key}\n\n"
            f"What was paid: {running.url}/_simulator/ledger   Stop with Ctrl-C.",
            highlight=False,
            soft_wrap=True,
        )

    try:
        serve(settings, port=port, ready=announce)
    except (ImportError, OSError) as error:
        console.print(f"[red]{escape(str(error))}[/red]")
        raise SystemExit(1) from error
