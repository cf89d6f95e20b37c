"""Scripts and styles: packed, kept for good where their names say so, and nothing but what lies in the two folders."""

import gzip
from collections.abc import Callable
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from streamlit.web.server.starlette.starlette_gzip_middleware import SelectiveGZipMiddleware

from storefront import stylesheets
from storefront.pictures import STATIC
from storefront.serving import packed_files
from storefront.serving.packed_files import AsTheyAre, PackedFiles

STYLE = stylesheets.ADDRESSES[0]
BODY = (STATIC / "pushcart.css").read_bytes()
Opened = Callable[[], TestClient]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Starts the shop anew; behind the files somebody else answers."""

    async def others(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("others")(scope, receive, send)

    def start() -> TestClient:
        app = PackedFiles(Starlette(), kept_in=tmp_path / "packed")
        app._app = others
        monkeypatch.setattr(app._packing, "submit", lambda pack, file: pack(file))
        return TestClient(app)

    return start


def raw(browser: TestClient, address: str, **headers: str) -> tuple[str, bytes]:
    """How the file is packed, and what comes of unpacking it."""
    with browser.stream("GET", address, headers=headers) as answer:
        packing, body = answer.headers.get("content-encoding", ""), b"".join(answer.iter_raw())
    return packing, {"br": brotli.decompress, "gzip": gzip.decompress}.get(packing, bytes)(body)


@pytest.mark.parametrize(("takes", "packing"), [("gzip, br", "br"), ("gzip", "gzip"), ("identity", ""), ("x-br", "")])
def test_it_is_packed_as_the_browser_takes_it(opened: Opened, takes: str, packing: str) -> None:
    assert raw(opened(), STYLE, **{"accept-encoding": takes}) == (packing, BODY)


def test_what_was_packed_is_there_after_a_start(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    raw(opened(), STYLE)
    monkeypatch.setattr(brotli, "compress", lambda *_, **__: pytest.fail("it was packed again"))
    assert raw(opened(), STYLE, **{"accept-encoding": "br"}) == ("br", BODY)


def test_a_disk_that_takes_nothing_hinders_nobody(tmp_path: Path, opened: Opened) -> None:
    (tmp_path / "packed").write_text("no folder")
    assert raw(opened(), STYLE, **{"accept-encoding": "br"}) == ("br", BODY)


def test_it_is_kept_for_good_only_under_a_name_of_what_is_in_it(opened: Opened) -> None:
    browser = opened()
    script = next(packed_files._FOLDERS["/static/"].glob("js/Button.*.js")).name
    assert "immutable" in browser.get(STYLE).headers["cache-control"]
    assert "immutable" in browser.get(f"/static/js/{script}").headers["cache-control"]
    for address in ("/app/static/pushcart.css", "/app/static/pushcart.css?000000000000"):
        assert browser.get(address).headers["cache-control"] == "public, max-age=86400"


def test_a_browser_that_has_it_gets_no_second_one(opened: Opened) -> None:
    browser = opened()
    etag = browser.get(STYLE).headers["etag"]
    assert (browser.get(STYLE, headers={"If-None-Match": etag}).status_code, browser.get(STYLE).status_code) == (
        304,
        200,
    )
    assert browser.get(STYLE, headers={"If-None-Match": f'W/{etag}, "x"'}).status_code == 304
    assert browser.get(STYLE, headers={"If-None-Match": '"x"'}).status_code == 200


@pytest.mark.parametrize(
    "address",
    ["/app/static/../frame.py", "/app/static/%2e%2e/frame.py", "/app/static/../static/../app.py", "/static/../index.html",
     "/app/static/nothing.css", "/app/static/", "/", "/api/x.css", "/app/static/brand"],
)  # fmt: skip
def test_nothing_else_is_its_business(opened: Opened, address: str) -> None:
    assert opened().get(address).text == "others"


def test_ours_stands_in_for_streamlit_s_font(opened: Opened) -> None:
    answer = opened().get("/static/media/SourceSansVF-Upright.ttf.BsWL4Kly.woff2", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/app/static/fonts/hanken-latin.woff2")


@pytest.mark.parametrize(("ours", "length"), [(True, "5000"), (False, None)])
def test_a_sold_file_is_not_packed_on_its_way(ours: bool, length: str | None) -> None:
    async def file(_request: Request) -> Response:
        return StreamingResponse(
            iter([b"x" * 2500] * 2), headers={"Content-Length": "5000"}, media_type="application/pdf"
        )

    stack = (
        [Middleware(AsTheyAre), Middleware(SelectiveGZipMiddleware)] if ours else [Middleware(SelectiveGZipMiddleware)]
    )
    answer = TestClient(Starlette(routes=[Route("/api/file", file)], middleware=stack)).get("/api/file")
    assert (answer.content, answer.headers.get("content-length")) == (b"x" * 5000, length)
