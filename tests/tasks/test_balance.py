"""What an account has left, as a task."""

import pytest
from prefect import flow
from tests.at_once import taken_at_once

from prefect_toapis import LimitSettings, RunSettings, ToAPIsCredentials, aget_balance, get_balance
from prefect_toapis.client.errors import Unauthorized
from prefect_toapis.simulator import Simulator, SimulatorSettings
from prefect_toapis.tasks.options import account_of


def test_a_sync_flow_gets_the_balance(prefect_server: None) -> None:
    @flow
    def how_much() -> object:
        return get_balance(credentials=credentials).remain_credits

    settings = SimulatorSettings(api_keys=("rich-key",), balance_credits=2000)
    with Simulator(settings) as simulator:
        credentials = ToAPIsCredentials(api_key="rich-key", base_url=simulator.url)
        assert how_much() == 2000


async def test_it_leaves_the_limits_of_a_careful_run_as_they_are(prefect_server: None) -> None:
    settings = SimulatorSettings(api_keys=("busy-key",), account_group="default")
    with Simulator(settings) as simulator:
        credentials = ToAPIsCredentials(api_key="busy-key", base_url=simulator.url)
        with account_of(
            credentials, RunSettings(limits=LimitSettings(rate_limit_share=0.1))
        ) as account:
            await aget_balance(credentials=credentials)
            assert await taken_at_once(account.ready) <= 10  # of 50; some come back meanwhile


async def test_an_unknown_key_is_refused_at_once(simulator: Simulator) -> None:
    credentials = ToAPIsCredentials(api_key="wrong-key", base_url=simulator.url)
    with pytest.raises(Unauthorized):
        await aget_balance(credentials=credentials)
