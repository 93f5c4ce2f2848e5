"""A console that makes control characters visible, so that output can't control the terminal."""

from collections.abc import Iterable

import rich.console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from prefect_toapis.client.plain_text import visible


class Console(rich.console.Console):
    """Rich's console for untrusted texts: Rich itself passes ESC and bidi overrides through."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render with control characters made visible."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))
