"""What an account has left, as a task."""

import pytest
from prefect import flow

from prefect_toapis import ToAPIsCredentials, aget_balance, get_balance
from prefect_toapis.client.errors import Unauthorized
from prefect_toapis.simulator import Simulator, SimulatorSettings


def test_a_sync_flow_gets_the_balance(prefect_server: None) -> None:
    @flow
    def how_much() -> object:
        return get_balance(credentials=credentials).remain_credits

    settings = SimulatorSettings(api_keys=("rich-key",), balance_credits=2000)
    with Simulator(settings) as simulator:
        credentials = ToAPIsCredentials(api_key="rich-key", base_url=simulator.url)
        assert how_much() == 2000


async def test_an_unknown_key_is_refused_at_once(simulator: Simulator) -> None:
    credentials = ToAPIsCredentials(api_key="wrong-key", base_url=simulator.url)
    with pytest.raises(Unauthorized):
        await aget_balance(credentials=credentials)
