"""What people read when something is tried again."""

import logging

import pytest

from prefect_toapis.client.errors import RateLimited
from prefect_toapis.client.retrying import RetryPolicy


async def test_a_retry_is_logged_with_its_reason_in_words(caplog: pytest.LogCaptureFixture) -> None:
    tries = 0

    async def ask() -> int:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise RateLimited("too fast", retry_after=0.01)
        return tries

    assert await RetryPolicy(budget=1, first=0.01).caller()(ask) == 2
    assert caplog.messages == ["RateLimited('too fast'); retrying in 0.0 s"]


async def test_what_is_retried_does_not_depend_on_the_order_of_imports(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Later(RateLimited):
        """Defined after all the others."""

    failures: list[Exception] = [Later("not yet", retry_after=0.01)]

    async def ask() -> str:
        if failures:
            raise failures.pop()
        return "done"

    assert await RetryPolicy(budget=1, first=0.01).caller()(ask) == "done"
    assert caplog.messages == ["Later('not yet'); retrying in 0.0 s"]
    failures.append(Later("not yet"))
    with pytest.raises(Later):
        await RetryPolicy(budget=0).caller()(ask)


def test_what_others_retry_with_stamina_is_logged_as_it_was(
    caplog: pytest.LogCaptureFixture,
) -> None:
    theirs = {"stamina.caused_by": "TheirError('too fast')", "stamina.wait_for": 1.0}
    logging.getLogger("stamina").warning("stamina.retry_scheduled", extra=theirs)
    assert caplog.messages == ["stamina.retry_scheduled"]


async def test_without_a_budget_there_is_one_try() -> None:
    tries = 0

    async def ask() -> None:
        nonlocal tries
        tries += 1
        raise RateLimited("too fast")

    with pytest.raises(RateLimited):
        await RetryPolicy(budget=0).caller()(ask)
    assert tries == 1
