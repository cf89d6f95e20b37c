"""A route that does nothing, for what a request costs before the shop does anything: `uvicorn tests.bench.bare:app`."""

from fastapi import FastAPI, Request, Response

app = FastAPI(openapi_url=None)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """It answers."""
    return {}


@app.get("/entitlements/{person}")
def entitlements(person: str) -> dict[str, str]:
    """It answers."""
    return {"person": person}


@app.post("/licenses/validate")
async def validate(request: Request) -> Response:
    """Read the question, and answer without a look at it."""
    await request.body()
    return Response(b'{"valid":true}', media_type="application/json")
