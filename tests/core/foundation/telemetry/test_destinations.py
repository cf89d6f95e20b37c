"""Request ids, and where errors and spans go. What is really sent there, `test_what_processes_say.py` sees."""

import pytest
from pydantic import ValidationError

from core.foundation.settings import Settings
from core.foundation.telemetry import destinations, requests, spans


@pytest.mark.parametrize("given", ["proxy-0123456", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "x" * 64])
def test_a_plain_word_of_the_senders_is_the_id_of_its_request(given: str) -> None:
    assert requests.id_of(given) == given


@pytest.mark.parametrize(
    "given",
    [
        None, "", "short", "x" * 65, "jane@example.com", "two words", "forged\n2026", "ümlaut-01234", "sk_test_51HxQwertz",
        "whsec_0123456789abc", "ABCDE-FGHIJ-KLMNO-PQRST-V",
    ],
)  # fmt: skip
def test_what_names_somebody_opens_something_or_forges_a_line_is_no_id(given: str | None) -> None:
    assert requests.id_of(given).startswith("req_")


def test_what_is_handed_on_is_gone_on_with_and_nothing_without_it() -> None:
    assert requests.carried() == ""
    with requests.under("req_12345678"):
        carried = requests.carried()
        assert carried == "req_12345678"
    with requests.taken_up(carried):
        assert requests.carried() == carried
    with requests.taken_up(""):
        assert requests.carried() == ""


def test_what_is_asked_for_and_cannot_be_done_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    assert destinations.mistakes(Settings()) == []
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    assert spans.wanted()
    assert destinations.mistakes(Settings()) == []
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setattr(destinations, "find_spec", lambda _name: None)
    found = destinations.mistakes(Settings(sentry_dsn="https://key@sentry.example/1"))
    assert [mistake.subject for mistake in found] == [
        "SENTRY_DSN", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL",
    ]  # fmt: skip
    assert "uv sync --inexact --no-default-groups --extra sentry" in found[0].sentence


@pytest.mark.parametrize("name", ["OTEL_SDK_DISABLED=true", "OTEL_TRACES_EXPORTER=none"])
def test_the_standard_variables_switch_spans_off(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv(*name.split("="))
    assert not spans.wanted()


@pytest.mark.parametrize(("name", "value"), [("sentry_dsn", "sentry.example"), ("log_format", "xml")])
def test_a_mistyped_setting_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        Settings(**{name: value})


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
@pytest.mark.parametrize("address", ["collector", "collector:4318", "grpc://collector:4317", "http://collector:port"])
def test_a_collectors_address_that_is_none_is_told_at_start(
    name: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, address)
    assert [mistake.subject for mistake in destinations.mistakes(Settings())] == [name]
