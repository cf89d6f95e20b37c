"""A storefront at which nobody is asks for little."""

import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.machine import environment, eventually, free_port, process, wakes

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # nobody asks it anything
def test_a_storefront_without_visitors_seldom_wakes(database_url: str, tmp_path: Path) -> None:
    port = free_port()
    env = environment(
        database_url=database_url, storage_url=f"file://{tmp_path}/files", secret_key="a secret of sixteen letters",
        stripe_secret_key="sk_test_of_a_shop", stripe_webhook_secret="whsec_of_a_shop", storefront_port=port,
    ) | {"PYTHONPATH": str(ROOT)}  # fmt: skip
    line = ("streamlit", "run", str(ROOT / "storefront/app.py"), "--server.port", str(port))

    def answers() -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"http://localhost:{port}/api/healthz", timeout=30).status_code == 200
        return False

    with open(tmp_path / "log", "wb") as log, process(*line, cwd=ROOT, env=env, output=log) as storefront:
        eventually(answers)
        time.sleep(3)  # until what is imported beside the first requests has been
        assert 1 < wakes(storefront.pid, seconds=4) < 25
