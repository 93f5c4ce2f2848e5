"""The receiver's Prometheus metrics."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # the provider's timeout: 10
_EVENTS = (1, 2, 5, 10, 20, 50, 100)


class Metrics:
    """The metrics of a receiver, in a registry of its own.

    Args:
        waiting: Returns the number of queued events.
    """

    def __init__(self, waiting: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._webhooks = Counter(
            "toapis_webhooks",
            "Requests to the webhook endpoint, by outcome",
            ["outcome"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "toapis_webhook_seconds",
            "Time from a request's arrival to its response",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._batches = Histogram(
            "toapis_webhook_batch_events",
            "Events in each batch accepted by Prefect",
            buckets=_EVENTS,
            registry=self._registry,
        )
        gauge = Gauge(
            "toapis_webhooks_waiting", "Events queued for Prefect", registry=self._registry
        )
        gauge.set_function(waiting)

    def answered(self, outcome: str, seconds: float) -> None:
        """Count a response."""
        self._webhooks.labels(outcome).inc()
        self._seconds.observe(seconds)

    def sent(self, events: int) -> None:
        """Count a batch accepted by Prefect."""
        self._batches.observe(events)

    def exposition(self) -> bytes:
        """The metrics in Prometheus's text format."""
        return generate_latest(self._registry)
