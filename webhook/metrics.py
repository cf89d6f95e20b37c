"""`/metrics`: what Prometheus reads. What this process counted, and what the database says of the shop as it stands, which is the
same whichever process is asked."""

import os
from collections.abc import Iterable

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool

from core.owner.doctor import measures
from core.owner.doctor.measures import MEASURES, Measured
from core.shop import Shop
from webhook.requests.dependencies import OpenShop


def register(app: FastAPI) -> None:
    """Serve them."""
    app.add_api_route("/metrics", _metrics)


async def _metrics(shop: OpenShop) -> Response:
    return Response(await run_in_threadpool(_told, shop), media_type=CONTENT_TYPE_LATEST)


def _told(shop: Shop) -> bytes:
    standing = CollectorRegistry(auto_describe=False)
    standing.register(_Standing(measures.take(shop)))
    return generate_latest(_counted()) + generate_latest(standing)


def _counted() -> CollectorRegistry:
    """What was counted: by this process, or by all that share a folder for it."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together


class _Standing(Collector):
    def __init__(self, found: Iterable[Measured]) -> None:
        self._found = list(found)

    def collect(self) -> Iterable[Metric]:
        for name, measure in MEASURES.items():
            family = GaugeMetricFamily(name, measure.meaning, labels=measure.labels)
            for each in self._found:
                if each.name == name:
                    family.add_metric(each.labels, each.value)
            yield family
