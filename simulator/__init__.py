"""The ToAPIs video API on localhost: real HTTP, real MP4s, faults on demand, and a ledger.

Example:
    ```python
    from prefect_toapis.simulator import Drop, Simulator

    with Simulator() as simulator:
        simulator.faults.add(Drop(operation="submit", when="after"))
        ...  # point a client at simulator.url with simulator.api_key
        assert len(simulator.ledger.paid) == 1
    ```
"""

from prefect_toapis.simulator.charges import SimulatedPrice
from prefect_toapis.simulator.clips import require_encoder
from prefect_toapis.simulator.dialects import Dialect
from prefect_toapis.simulator.faults import (
    Conflict,
    Defect,
    Delay,
    Drop,
    Fault,
    Faults,
    Flood,
    Hide,
    Hold,
    Mixup,
    Partial,
    Redirect,
    Refuse,
    Replace,
    Rewrite,
    SameTask,
    Trickle,
    Truncate,
    Untidy,
)
from prefect_toapis.simulator.ledger import Delivery, Ledger, Submission, Upload
from prefect_toapis.simulator.server import Simulator, serve
from prefect_toapis.simulator.settings import SimulatedWebhooks, SimulatorSettings
from prefect_toapis.simulator.storms import Weather

__all__ = [
    "Conflict",
    "Defect",
    "Delay",
    "Delivery",
    "Dialect",
    "Drop",
    "Fault",
    "Faults",
    "Flood",
    "Hide",
    "Hold",
    "Ledger",
    "Mixup",
    "Partial",
    "Redirect",
    "Refuse",
    "Replace",
    "Rewrite",
    "SameTask",
    "SimulatedPrice",
    "SimulatedWebhooks",
    "Simulator",
    "SimulatorSettings",
    "Submission",
    "Trickle",
    "Truncate",
    "Untidy",
    "Upload",
    "Weather",
    "require_encoder",
    "serve",
]
