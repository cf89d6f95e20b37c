"""Stripe's own command line, pointed at a sandbox."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.sandbox.npm import installed
from tests.sandbox.running import KEY, eventually

VERSION = "1.52.0"
MOST_SECONDS = 60


@dataclass(frozen=True)
class Run:
    """A command that is over."""

    code: int
    said: str

    def json(self) -> Any:
        """What an API command printed. It fails when the command did."""
        assert self.code == 0, self.said
        return json.loads(self.said)


class Listening:
    """A command that goes on: `stripe listen`, `stripe logs tail`."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self.output = output

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def secret(self) -> str:
        """The signing secret it shows once it is ready."""
        shown: re.Match[str] = eventually(lambda: re.search(r"signing secret is \S*?(whsec_\w+)", self.said()), 20)
        return shown[1]


class CommandLine:
    """The binary, with a home folder of its own, and nothing of the outside world within its reach."""

    def __init__(self, home: Path) -> None:
        modules = installed("@stripe/cli", VERSION) / "node_modules" / "@stripe"
        self.binary = next(modules.glob("cli-*/bin/stripe*"))
        self.home = home
        self.started = 0
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "STRIPE_CLI_TELEMETRY_OPTOUT": "1",
            # It asks for newer versions of itself; nobody answers there. Loopback is reached without a proxy.
            "HTTPS_PROXY": "http://127.0.0.1:9",
        }

    def run(self, base: str, *arguments: str) -> Run:
        """Run a command to its end."""
        done = subprocess.run(
            self._command(base, arguments),
            env=self.env,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=MOST_SECONDS,
            check=False,
        )
        return Run(done.returncode, done.stdout)

    @contextmanager
    def going_on(self, base: str, *arguments: str) -> Iterator[Listening]:
        """Start a command, and end it as Ctrl-C does."""
        self.started += 1
        output = self.home / f"output-{self.started}"
        with output.open("wb") as sink:
            process = subprocess.Popen(
                self._command(base, arguments),
                env=self.env,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        try:
            yield Listening(process, output)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(MOST_SECONDS)

    def _command(self, base: str, arguments: tuple[str, ...]) -> list[str]:
        return [str(self.binary), "--api-base", base, "--api-key", KEY, *arguments]
