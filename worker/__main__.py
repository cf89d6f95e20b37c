"""`python -m worker`: the worker as a process of its own."""

import signal
from threading import Event

from core.foundation.telemetry import logs
from core.opening import open_shop
from worker import app


def main() -> None:
    """Work until told to stop."""
    logs.set_up()
    stopping = Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopping.set())
    with app.start(open_shop()):
        print("worker: ready", flush=True)  # noqa: T201
        stopping.wait()


if __name__ == "__main__":
    main()
