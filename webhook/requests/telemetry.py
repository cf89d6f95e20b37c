"""Each request's id, span and time: what an operator is told of it. Never its path, which may have a token in it, but its route."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.foundation.telemetry import counters, requests, spans
from core.foundation.telemetry.counters import Stopwatch


async def observe(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Have the app answer the request under its id, which stands in the answer as well."""
    headers = Headers(scope=scope)
    request_id, taken, status = requests.id_of(headers.get(requests.HEADER)), Stopwatch(), 500

    async def send_with_id(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            MutableHeaders(scope=message)[requests.HEADER] = request_id
        await send(message)

    with (
        requests.under(request_id),
        spans.under(headers.get("traceparent", "")),
        spans.span(scope["method"], "SERVER", http__request__method=scope["method"], request_id=request_id) as span,
    ):
        try:
            await app(scope, receive, send_with_id)
        finally:
            route = _route(scope)
            counters.request_answered(scope["method"], route, str(status)).observe(taken.seconds)
            if span is not None:
                span.update_name(f"{scope['method']} {route}")
                span.set_attributes({"http.route": route, "http.response.status_code": status})


def _route(scope: Scope) -> str:
    """The route that answered, with names in place of what stood in its path; `none` if there was none."""
    if route := scope.get("route"):
        return str(route.path)
    # A plain route of Starlette's, which leaves no trace of itself: where nothing stands in its path, that is its name.
    path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
    return path if "endpoint" in scope and not scope.get("path_params") else "none"
