"""Which language a browser is answered in, by what it asks for."""

import pytest

from core.languages import asked


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"), ("de", "de"), ("de-AT,de;q=0.9,en;q=0.8", "de"), ("fr-FR,fr;q=0.9,de;q=0.5,en;q=0.4", "de"), 
        ("en;q=0.5,de", "de"),
        ("de;q=0", "en"), ("de;q=nan, en", "en"), ("*", "en"), ("fr", "en"), ("de;q=high", "en"), (",;=,de", "de"), 
        ("x" * 5000, "en"),
    ],
)  # fmt: skip
def test_the_best_of_what_a_browser_asks_for_is_spoken(header: str, language: str) -> None:
    assert asked.of_header(header) == language


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("/owner/receipts/pay_1", "en"),
        ("/api/owner/orders.csv", "en"),
        ("/api/receipts/pay_1", "de"),
        ("/p/owner-manual", "de"),
    ],
)
def test_the_owners_side_is_english(path: str, language: str) -> None:
    assert asked.of_request({"path": path, "headers": [(b"accept-language", b"de")]}) == language
