"""What a video costs: by its model, and by what was ordered of it."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from prefect_toapis.simulator.model_rules import Ordered
from prefect_toapis.simulator.shapes import outputs_of

Scalar = bool | int | float | str
_AUTOMATIC_SECONDS = 5  # where the provider chooses the duration


class SimulatedPrice(BaseModel):
    """A price of the simulated provider.

    Of several that fit, that with the exact model counts, then that with the longest pattern, then
    that with the most conditions, then the first.

    Example:
        ```python
        SimulatedPrice(model="kling-*", when={"mode": "pro"}, credits=9, per="second")
        ```
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model: str = Field(default="*", description="A model's name, or a pattern such as kling-*.")
    when: dict[str, Scalar | list[Scalar]] = Field(
        default={},
        description="Fields, also those of metadata, by name, and the value, or a list of values, "
        "that they have or that the model assumes. `input` is video, image or text.",
    )
    credits: float = Field(ge=0, description="The price, in credits.")
    per: Literal["video", "second"] = Field(
        default="video", description="Whether the price is per video or per second of video."
    )


def charge(ordered: Ordered, prices: Sequence[SimulatedPrice]) -> float | None:
    """The price of a request, in credits; None if no price fits.

    Args:
        ordered: The request.
        prices: Those there are.

    Example:
        >>> from prefect_toapis.simulator.documented_models import DOCUMENTED
        >>> grok = Ordered("grok-video-1.5", DOCUMENTED["grok-video-1.5"], {"duration": 10})
        >>> charge(grok, [SimulatedPrice(model="grok-*", credits=2, per="second")])
        20.0
    """
    fitting = [price for price in prices if _fits(price, ordered)]
    if not fitting:
        return None
    best = max(
        fitting, key=lambda price: (price.model == ordered.model, len(price.model), len(price.when))
    )
    seconds = _seconds_charged(ordered) if best.per == "second" else 1
    return best.credits * seconds * outputs_of(ordered)


def _fits(price: SimulatedPrice, ordered: Ordered) -> bool:
    return fnmatchcase(ordered.model, price.model) and all(
        any(
            _equal(_fact(ordered, name), value)
            for value in (wanted if isinstance(wanted, list) else [wanted])
        )
        for name, wanted in price.when.items()
    )


def _fact(ordered: Ordered, name: str) -> object:
    if name != "input":
        return ordered.value(name)
    media = ordered.media()
    return next((kind for kind in ("video", "image") if kind in media), "text")


def _equal(found: object, wanted: Scalar) -> bool:
    """As values of JSON: true isn't 1; 720P is 720p."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, str) and isinstance(wanted, str):
        return found.casefold() == wanted.casefold()
    return found == wanted


def _seconds_charged(ordered: Ordered) -> int:
    """As ordered, even where the video comes out shorter ([A])."""
    wanted = ordered.value("duration")
    return wanted if isinstance(wanted, int) and wanted > 0 else _AUTOMATIC_SECONDS
