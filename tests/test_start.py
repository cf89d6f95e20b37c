"""What a process imports before it is ready."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Each takes a tenth of a second to some seconds to import.
# The last two are for those alone who name a place to send to.
HEAVY = {
    "alembic", "dbos", "fastapi", "jinja2", "numpy", "pandas", "pyarrow", "streamlit", "stripe", "sentry_sdk",
    "opentelemetry.sdk",
}  # fmt: skip
# What a process is made of, by the module it starts with.
NEEDED: dict[str, set[str]] = {
    "core.cli": set(),
    "webhook.app": {"fastapi"},
    "worker.app": {"dbos"},
    "storefront.app": {"fastapi", "streamlit"},
}


def loaded(module: str, database_url: str, folder: Path) -> set[str]:
    """What a new process has imported once it has imported this module."""
    script = f"import sys, {module}; print(*sys.modules)"
    env = {"PYTHONPATH": str(ROOT), "DATABASE_URL": database_url, "PUBLIC_URL": "http://localhost:1"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("module", NEEDED)
def test_a_process_starts_without_what_it_needs_only_later(module: str, database_url: str, tmp_path: Path) -> None:
    modules = loaded(module, database_url, tmp_path)
    assert module in modules
    assert modules & HEAVY <= NEEDED[module]
