"""A page of a real browser that must have nothing to complain of."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A fresh page; whatever it complains of in its console fails the test."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"{message.text} ({message.location['url'].partition('?')[0]})")

    page = await browser.new_page()
    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert complaints == []
