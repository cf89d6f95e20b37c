"""What Prometheus reads, and that the alerts in `deploy/` ask for nothing else."""

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from core.events import reconciliation
from core.foundation import database
from core.foundation.jobs.kinds import Queue
from core.foundation.signals import milestones
from core.foundation.telemetry import counters
from core.owner.doctor.measures import MEASURES
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe, signed
from tests.machine import environment
from webhook.app import create_app

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "prometheus-alerts.yml"
HANDBOOK = (ROOT / "docs" / "operations.md").read_text()
# Prometheus makes it itself.
ITS_OWN = {"up"}

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(client: TestClient) -> Samples:
    """Every sample by its name and labels; a text that is none of Prometheus's fails."""
    answer = TestClient(client.app, client=("127.0.0.1", 1)).get("/metrics")
    families = text_string_to_metric_families(answer.text)
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0)


def grown(before: Samples, after: Samples, name: str, **labels: str) -> float:
    return value(after, name, **labels) - value(before, name, **labels)


def test_how_the_shop_stands_is_told_of_events_jobs_letters_and_machinery(
    shop: Shop, stripe: FakeStripe, client: TestClient, clock: Clock
) -> None:
    builders.bought(shop, stripe)
    reconciliation.sweep(shop)
    clock.pass_(minutes=10)
    with shop.transaction() as session:
        milestones.record(session, milestones.Name.STRIPE_SILENT, at=shop.now())
    clock.pass_(minutes=5)
    found = read(client)
    assert {name for name, _ in found} >= set(MEASURES) - {"pushcart_retention_age_seconds"}
    assert value(found, "pushcart_database_up") == 1
    assert 0 < value(found, "pushcart_database_seconds") < 5
    assert value(found, "pushcart_jobs", queue="buyers", stage="waiting") == 1
    assert value(found, "pushcart_jobs", queue="retries", stage="dead") == 0
    assert {dict(labels)["queue"] for name, labels in found if name == "pushcart_jobs"} == set(Queue)
    assert value(found, "pushcart_sweep_age_seconds") == 900
    assert value(found, "pushcart_stripe_silent_seconds") == 900
    assert value(found, "pushcart_event_last_seconds") == value(found, "pushcart_webhook_last_seconds") == 900
    assert value(found, "pushcart_events_unfinished", state="parked") == 0
    assert value(found, "pushcart_worker_silent_seconds") < 600
    # An alert that asks for a state by its name must know of each.
    for name in ("pushcart_events_unfinished", "pushcart_letters", "pushcart_jobs"):
        label = "stage" if name == "pushcart_jobs" else "state"
        told = {dict(labels)[label] for each, labels in found if each == name}
        [row] = [line for line in HANDBOOK.splitlines() if line.startswith(f"| `{name}`")]
        assert set(re.findall(rf"`{label}`: ([\w, ]+)", row)[0].strip().split(", ")) == told


@builders.on_sqlite
def test_requests_events_and_checkouts_are_counted(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    before = read(client)
    assert client.post("/checkout", json={"cart_id": "c1", "items": [{"price": "guide-eur"}]}).status_code == 200
    assert client.post("/checkout", json={"cart_id": "c2", "items": [{"price": "nothing"}]}).status_code == 400
    body, signature = signed({"id": "evt_1", "type": "plan.created", "livemode": False, "data": {"object": {}}})
    client.post("/webhooks/stripe", content=body, headers={"Stripe-Signature": signature})
    client.get("/downloads/aTokenOfSomebody")
    client.get("/nothing/at/all")
    after = read(client)
    assert grown(before, after, "pushcart_checkouts_total", outcome="opened") == 1
    assert grown(before, after, "pushcart_checkouts_total", outcome="UnknownPrice") == 1
    assert grown(before, after, "pushcart_stripe_events_total", state="ignored") == 1
    for method, route, status in (
        ("POST", "/checkout", "200"), ("POST", "/checkout", "400"), ("POST", "/webhooks/stripe", "200"),
        ("GET", "/downloads/{token}", "403"), ("GET", "none", "404"),
    ):  # fmt: skip
        assert grown(before, after, "pushcart_request_seconds_count", method=method, route=route, status=status) == 1
    assert not any("aToken" in str(labels) for _, labels in after)


@builders.on_sqlite
def test_without_its_database_a_process_still_tells_what_it_counted(shop: Shop) -> None:
    away = dataclasses.replace(shop, engine=database.connect("postgresql://nobody@127.0.0.1:1/nothing"))
    client = TestClient(create_app(away))
    client.get("/healthz")
    found = read(client)
    assert value(found, "pushcart_database_up") == 0
    assert value(found, "pushcart_request_seconds_count", method="GET", route="/healthz", status="200") >= 1


def test_several_processes_of_one_host_tell_together(tmp_path: Path) -> None:
    """As `uvicorn --workers 2` has them, each with counters of its own in a folder that they share."""
    program = """
import sys
from core.foundation.telemetry import counters
counters.CHECKOUTS.labels("opened").inc(int(sys.argv[1]))
from prometheus_client import generate_latest
from webhook.metrics import _counted
print(generate_latest(_counted()).decode())
"""
    env = environment(pythonpath=ROOT, prometheus_multiproc_dir=tmp_path)
    told = [
        subprocess.run([sys.executable, "-c", program, count], env=env, capture_output=True, text=True, check=True)
        for count in ("2", "3")
    ]
    assert 'pushcart_checkouts_total{outcome="opened"} 5.0' in told[1].stdout


def test_every_metric_that_an_alert_names_exists() -> None:
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    named = {name for rule in rules for name in re.findall(r"\b(?:pushcart_\w+|up)(?=[{\[) ]|$)", rule["expr"])}
    counted = {
        f"{metric._name}{suffix}"
        for metric in vars(counters).values()
        if hasattr(metric, "_labelnames")
        for suffix in ("_total", "_count", "_sum", "_bucket")
    }
    assert len(named) > 10
    assert named - ITS_OWN <= set(MEASURES) | counted
    assert [name for name in MEASURES if f"`{name}" not in HANDBOOK] == []
    for rule in rules:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"].keys() == {"summary", "description"}


def test_prometheus_itself_takes_the_alerts() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("promtool is not installed (Debian: prometheus)")
    done = subprocess.run([promtool, "check", "rules", str(ALERTS)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
