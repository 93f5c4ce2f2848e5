"""The terminal: nothing that is printed can do more to it than be read."""

from collections.abc import Iterable

import rich.console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from prefect_toapis.client.plain_text import visible


class Console(rich.console.Console):
    """Rich's console, for texts from elsewhere: Rich itself lets ESC and overrides pass."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """What is printed, with the characters that a terminal acts upon made visible."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))
