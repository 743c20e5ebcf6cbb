"""What Prometheus may scrape from `/metrics`.

Counts of HTTP requests are each web process's own, told apart by the label `process`; the state of clusters is read
when scraped and the same in all of them.
"""

import os
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from calamari_rest import backend
from cthulhu import journal

REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "calamari_http_requests", "HTTP requests served.", ["process", "method", "route", "status"], registry=REGISTRY
)
SECONDS = Histogram(
    "calamari_http_request_seconds",
    "Time to the answer.",
    ["process", "route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=REGISTRY,
)
# A client may invent methods; each would be a new series.
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


def count(method: str, route: str, status: int, seconds: float) -> None:
    """Count one served request under its URL pattern, "" for unknown URLs."""
    process = str(os.getpid())
    REQUESTS.labels(process, method if method in METHODS else "other", route, str(status)).inc()
    SECONDS.labels(process, route).observe(seconds)


class ClusterCollector(Collector):
    """Reads the version vector and the journal at each scrape."""

    def describe(self) -> Iterator[Metric]:
        """Name nothing in advance, so that registering asks neither file nor database."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        present = backend.current()
        state, now = present.state(), time.time()
        alive = GaugeMetricFamily("calamari_cthulhu_up", "Whether cthulhu lives.")
        alive.add_metric([], float(present.is_alive(state, now)))
        yield alive
        connected = GaugeMetricFamily("calamari_cluster_connected", "Whether the cluster answers.", labels=["fsid"])
        age = GaugeMetricFamily("calamari_cluster_contact_age_seconds", "Time since contact.", labels=["fsid"])
        for fsid, cluster in (state.clusters if state else {}).items():
            connected.add_metric([fsid], float(present.is_alive(state, now) and cluster.connected))
            age.add_metric([fsid], max(0.0, now - cluster.contact))
        yield connected
        yield age
        open_requests = GaugeMetricFamily("calamari_requests_incomplete", "Requests not complete.", labels=["state"])
        for name in ("new", "submitted"):
            open_requests.add_metric([name], float(journal.requests().filter(state=name).count()))
        yield open_requests


REGISTRY.register(ClusterCollector())


def exposition() -> bytes:
    """Return everything in Prometheus' text format."""
    return generate_latest(REGISTRY)
