"""Back from an identity provider: whom it let in goes on as Streamlit says, and everybody else to the form that says so."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from storefront.serving.providers import BackFromProvider

FORM = "/owner?provider=failed"
THERE = "https://id.example/authorize?state=1"


def answered(path: str, response: Response) -> Response:
    """What a browser gets where Streamlit answers so."""

    async def streamlit(_request: Request) -> Response:
        return response

    app = Starlette(routes=[Route("/{path:path}", streamlit)])
    app.add_middleware(BackFromProvider)
    said = TestClient(app).get(path, follow_redirects=False)
    return Response(said.content, said.status_code, dict(said.headers))


def back(cookie: str = "") -> Response:
    response = RedirectResponse("/", 302)
    if cookie:
        response.set_cookie("_streamlit_user", cookie)
    else:
        response.delete_cookie("_streamlit_user")
    return response


@pytest.mark.parametrize(
    ("path", "response", "leads_to"),
    [
        ("/auth/login", RedirectResponse(THERE, 302), THERE),
        ("/auth/login", PlainTextResponse("Authentication error", 400), FORM),
        ("/auth/login", RedirectResponse("/", 302), FORM),
        ("/oauth2callback", back("somebody"), "/"),
        ("/oauth2callback", back(), FORM),
        ("/oauth2callback", RedirectResponse("/", 302), FORM),
        ("/oauth2callback", PlainTextResponse("Internal Server Error", 500), FORM),
        ("/auth/logout", back(), "/"),
    ],
)
def test_whoever_was_not_let_in_finds_the_form(path: str, response: Response, leads_to: str) -> None:
    said = answered(path, response)
    assert (said.headers["location"], said.body) == (leads_to, b"")


def test_all_else_is_answered_as_ever() -> None:
    said = answered("/cart", PlainTextResponse("Gone", 410))
    assert (said.status_code, said.body) == (410, b"Gone")
