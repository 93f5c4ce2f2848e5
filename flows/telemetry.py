"""OpenTelemetry: a span for each shot with its steps, and counters.

Without an OpenTelemetry SDK in the process, the API's calls do nothing. Prompts, URLs and keys are
never in spans and metrics.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import metrics, trace
from opentelemetry.trace import Span, Status, StatusCode

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import InvalidPrices
from prefect_toapis.client.requests import Request
from prefect_toapis.planning.plan import Shot
from prefect_toapis.planning.price_files import prices_in_use
from prefect_toapis.planning.pricing import Price, price_of
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.records.stored_shots import Unstored

_NAME = "prefect_toapis"
_TRACER = trace.get_tracer(_NAME)
_METER = metrics.get_meter(_NAME)

_SUBMITTED = _METER.create_counter(
    "toapis.shots.submitted", "{shot}", "Shots whose submission was accepted, and so paid."
)
_STORED = _METER.create_counter("toapis.shots.stored", "{shot}", "Shots whose videos were stored.")
_FAILED = _METER.create_counter("toapis.shots.failed", "{shot}", "Shots that won't have a video.")
_CREDITS = _METER.create_counter(
    "toapis.credits", "{credit}", "Credits of accepted submissions, by the prices in use."
)
_WAITED = _METER.create_histogram(
    "toapis.wait.duration", "s", "Time from the submission of a shot to the end of its generation."
)


@contextmanager
def shot_span(shot: Shot) -> Iterator[Span]:
    """Trace a shot; its steps are child spans.

    Args:
        shot: Its labels and model are attributes: `toapis.batch`, `toapis.scene` and others.
    """
    labels = shot.model_dump(include={"batch", "shot_id", "scene", "variant", "cast", "take"})
    attributes = {f"toapis.{name}": value for name, value in labels.items()}
    with _TRACER.start_as_current_span(
        f"shot {shot.label}",
        attributes=attributes | {"toapis.model": shot.request.model},
        record_exception=False,  # the outcome is set by `end_span`
        set_status_on_exception=False,
    ) as span:
        yield span


@contextmanager
def step_span(name: str) -> Iterator[None]:
    """Trace a step of a shot: submit, wait or store."""
    with _TRACER.start_as_current_span(name, record_exception=False):
        yield


def end_span(span: Span, unstored: Unstored | None) -> None:
    """Set the outcome of a shot on its span; a failed shot is an error.

    Args:
        span: From `shot_span`.
        unstored: Why the shot isn't stored; None if it is.
    """
    span.set_attribute("toapis.status", unstored.status if unstored else "stored")
    if unstored and unstored.status == "failed":
        span.set_status(Status(StatusCode.ERROR, unstored.reason))


def priced_in(settings: RunSettings) -> list[Price]:
    """Return the prices that credits are counted by; none if the file of prices is unreadable."""
    try:
        return prices_in_use(settings.purchases.prices)
    except InvalidPrices:  # a fault of every run that buys
        return settings.purchases.prices


def count_submitted(request: Request, prices: Sequence[Price]) -> None:
    """Count an accepted submission, and its credits if its price is known.

    Args:
        request: That was submitted.
        prices: In use.
    """
    model = {"toapis.model": request.model}
    _SUBMITTED.add(1, model)
    price = price_of(request, prices, Catalogue.current()) if prices else None
    if isinstance(price, float | int):
        _CREDITS.add(price, model)


def count_stored(model: str) -> None:
    """Count a stored shot."""
    _STORED.add(1, {"toapis.model": model})


def count_failed(model: str) -> None:
    """Count a shot that won't have a video."""
    _FAILED.add(1, {"toapis.model": model})


@contextmanager
def waiting(model: str) -> Iterator[None]:
    """Measure how long a shot waits for its generation, also if that fails."""
    started = time.monotonic()
    try:
        yield
    finally:
        _WAITED.record(time.monotonic() - started, {"toapis.model": model})
