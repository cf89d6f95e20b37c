"""Whoever reaches others by a proxy reaches what stands on this machine without."""

import os
from urllib.request import getproxies, proxy_bypass

import pytest
from requests.utils import get_environ_proxies

from core.connections import proxies

PROXY = "http://proxy.berg.example:3128"
HERE = ["http://localhost:8501/api", "http://127.0.0.1:12111/v1", "http://localhost"]
ELSEWHERE = ["https://api.stripe.com/v1", "http://shop.berg.example"]


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that names no proxy, and is as it was afterwards."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name in ("no_proxy", "NO_PROXY"):  # noted, so that what is set here is taken back
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def led(addresses: list[str]) -> list[bool]:
    """Whether a proxy leads to each of these."""
    by_requests = [bool(get_environ_proxies(address)) for address in addresses]
    hosts = [address.partition("//")[2].partition("/")[0] for address in addresses]
    by_urllib = [bool(getproxies()) and not proxy_bypass(host) for host in hosts]
    assert by_requests == by_urllib
    return by_requests


@pytest.mark.parametrize(
    "names", [("HTTP_PROXY", "HTTPS_PROXY"), ("http_proxy", "https_proxy"), ("HTTP_PROXY", "https_proxy")]
)
@pytest.mark.parametrize("left_out", [{}, {"NO_PROXY": "berg.test"}, {"no_proxy": "berg.test, localhost"}])
def test_no_proxy_leads_to_this_machine(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], left_out: dict[str, str]
) -> None:
    for name in names:
        monkeypatch.setenv(name, PROXY)
    for name, hosts in left_out.items():
        monkeypatch.setenv(name, hosts)
    assert any(led(HERE))
    for _ in range(2):
        proxies.pass_by_this_machine()
        assert led(HERE) == [False] * 3
        assert led(ELSEWHERE) == [True] * 2
        assert led(["http://berg.test"]) == [not left_out]
        assert os.environ["no_proxy"] == os.environ["NO_PROXY"]
        assert os.environ["no_proxy"].count("localhost") == 1


def test_who_names_no_proxy_or_none_for_anybody_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    proxies.pass_by_this_machine()
    assert "no_proxy" not in os.environ
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", "*")
    proxies.pass_by_this_machine()
    assert (os.environ["NO_PROXY"], "no_proxy" in os.environ) == ("*", False)
    assert led(ELSEWHERE) == [False, False]
