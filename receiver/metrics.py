"""What the receiver counts, for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # the provider waits for 10
_EVENTS = (1, 2, 5, 10, 20, 50, 100)


class Metrics:
    """Counted for one receiver, in a registry of its own.

    Args:
        waiting: How many events wait for Prefect.
    """

    def __init__(self, waiting: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._webhooks = Counter(
            "toapis_webhooks",
            "Requests at the webhook's address, by what became of them",
            ["outcome"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "toapis_webhook_seconds",
            "From a request's arrival to its answer",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._batches = Histogram(
            "toapis_webhook_batch_events",
            "Events in each batch that Prefect took",
            buckets=_EVENTS,
            registry=self._registry,
        )
        gauge = Gauge(
            "toapis_webhooks_waiting", "Events that wait for Prefect", registry=self._registry
        )
        gauge.set_function(waiting)

    def answered(self, outcome: str, seconds: float) -> None:
        """Count an answer."""
        self._webhooks.labels(outcome).inc()
        self._seconds.observe(seconds)

    def sent(self, events: int) -> None:
        """Count a batch that Prefect took."""
        self._batches.observe(events)

    def exposition(self) -> bytes:
        """All of it, in Prometheus's text format."""
        return generate_latest(self._registry)
