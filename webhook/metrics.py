"""`/metrics`: what Prometheus reads. What this process counted, and what the database says of the shop as it stands, which is the
same whichever process is asked."""

import hmac
import os
from collections.abc import Iterable

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool

from core.owner.doctor import measures
from core.owner.doctor.measures import MEASURES, Measured
from core.shop import Shop
from core.traffic.senders import LOOPBACK, is_one_of
from webhook.requests import senders
from webhook.requests.dependencies import OpenShop

_BY_PROXY = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


def register(app: FastAPI) -> None:
    """Serve them."""
    app.add_api_route("/metrics", _metrics)


async def _metrics(request: Request, shop: OpenShop) -> Response:
    """For whoever has METRICS_TOKEN or, where none is set, for this machine alone: they tell how the shop fares."""
    token = shop.settings.metrics_token.get_secret_value()
    if not _may_measure(request, token):
        if token:
            return JSONResponse({"error": "TokenInvalid"}, 401, {"WWW-Authenticate": "Bearer"})
        return JSONResponse({"error": "NotFound"}, 404)
    return Response(await run_in_threadpool(_told, shop), media_type=CONTENT_TYPE_LATEST)


def _may_measure(request: Request, token: str) -> bool:
    if token:
        return hmac.compare_digest(f"Bearer {token}".encode(), request.headers.get("authorization", "").encode())
    # What came by a proxy of this machine is somebody else's, whether or not the proxy says whose.
    by_proxy = any(name in request.headers for name in _BY_PROXY)
    return is_one_of(senders.address_of(request), LOOPBACK) and not by_proxy


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
