"""The simulated provider in a process of its own: settings come in as JSON, its URL goes out."""

import sys

from prefect_toapis.simulator import Simulator, SimulatorSettings


def main() -> None:
    """Serve until the standard input ends."""
    settings = SimulatorSettings.model_validate_json(sys.argv[1])
    with Simulator(settings) as simulator:
        print(simulator.url, simulator.api_key, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
