"""Replies of the simulated provider, for tests that change them."""

from typing import Any

import httpx

from prefect_toapis.simulator import Simulator


def completed(simulator: Simulator, task_id: str | None) -> dict[str, Any]:
    """The status reply of a generation, once it is completed."""
    url = f"{simulator.url}/v1/videos/generations/{task_id}"
    headers = {"Authorization": f"Bearer {simulator.api_key}"}

    def reply() -> dict[str, Any] | None:
        shown: dict[str, Any] = httpx.get(url, headers=headers).json()
        return shown if shown["status"] == "completed" else None

    found = simulator.wait_for(reply)
    assert found
    return found
