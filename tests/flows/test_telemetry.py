"""What OpenTelemetry sees of a batch, where an SDK is configured."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from prefect_toapis import Price, PurchaseSettings, RunSettings
from prefect_toapis.simulator import Simulator

Make = Callable[..., Awaitable[Any]]

# The process has one provider of each kind, set once.
_SPANS = InMemorySpanExporter()
_METRICS = InMemoryMetricReader()


@pytest.fixture(scope="module", autouse=True)
def sdk() -> Iterator[None]:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(_SPANS))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider(metric_readers=[_METRICS]))
    yield
    _SPANS.shutdown()  # it keeps no spans of later tests in memory


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    _SPANS.clear()
    yield _SPANS
    _SPANS.clear()


def ours(spans: InMemorySpanExporter) -> list[ReadableSpan]:
    """The spans of this package: Prefect has its own."""
    return [
        span
        for span in spans.get_finished_spans()
        if span.instrumentation_scope and span.instrumentation_scope.name == "prefect_toapis"
    ]


def totals() -> dict[str, float]:
    """The sum of each metric since the start of the process."""
    data = _METRICS.get_metrics_data()
    found: dict[str, float] = {}
    for resource in data.resource_metrics if data else []:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                points: Any = metric.data.data_points
                found[metric.name] = sum(
                    getattr(point, "value", getattr(point, "count", 0)) for point in points
                )
    return found


async def test_each_shot_is_a_span_with_its_steps(
    make: Make, simulator: Simulator, quick: RunSettings, spans: InMemorySpanExporter
) -> None:
    before = totals()
    prices = PurchaseSettings(prices=[Price(model="sora-2-vip", credits=20)])
    settings = quick.with_overrides(RunSettings(purchases=prices))
    refused, dog = "A cat (refuse me)", "A dog at SECRET beach"
    await make([dog, refused], settings=settings, on_failure="tolerate")

    found = ours(spans)
    shots = {span.name: span for span in found if span.name.startswith("shot ")}
    assert len(shots) == 2
    [stored, failed] = sorted(shots.values(), key=lambda span: str(span.attributes), reverse=True)
    if stored.status.status_code is StatusCode.ERROR:
        stored, failed = failed, stored
    assert stored.attributes
    assert stored.attributes["toapis.status"] == "stored"
    assert stored.attributes["toapis.batch"] == "b"
    assert stored.attributes["toapis.model"] == "sora-2-vip"
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes
    assert failed.attributes["toapis.status"] == "failed"

    steps = {
        span.name: span
        for span in found
        if span.parent and stored.context and span.parent.span_id == stored.context.span_id
    }
    assert set(steps) == {"submit", "wait", "store"}
    assert "SECRET" not in str([(span.name, span.attributes, span.events) for span in found])
    assert simulator.api_key not in str([span.to_json() for span in found])

    after = totals()
    change = {name: value - before.get(name, 0) for name, value in after.items()}
    assert change["toapis.shots.submitted"] == len(simulator.ledger.paid) == 1
    assert change["toapis.shots.stored"] == 1
    assert change["toapis.shots.failed"] == 1
    assert change["toapis.credits"] == 20
    assert change["toapis.wait.duration"] == 1


async def test_a_batch_that_is_stored_counts_nothing_again(
    make: Make, simulator: Simulator, spans: InMemorySpanExporter
) -> None:
    await make(["A dog"])
    before = totals()
    spans.clear()
    await make(["A dog"])
    assert totals() == before
    assert ours(spans) == []
    assert len(simulator.ledger.paid) == 1
