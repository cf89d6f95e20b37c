"""The versions of the code that are compared: this working copy, and another that is checked out beside it for the while."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.machine import environment

ROOT = Path(__file__).parents[2]
_SCRIPTS = Path(__file__).parent


class ScriptFailed(Exception):
    """A script did not run under a version's code, mostly because that has not got what it measures."""


@dataclass(frozen=True)
class Version:
    """Code in a folder. `name` is what a table calls it."""

    name: str
    folder: Path

    def environment(self, **settings: object) -> dict[str, str]:
        """The environment of a process that runs this code. The libraries are those of this working copy."""
        return environment(pythonpath=self.folder, **settings)

    def run(self, script: str, plan: dict[str, Any], *, cwd: Path) -> dict[str, Any]:
        """What a script of this folder prints when it runs under this version's code. Raises ScriptFailed."""
        written = cwd / f"{script}.json"
        written.write_text(json.dumps(plan))
        command = [sys.executable, "-P", str(_SCRIPTS / f"{script}.py"), str(written)]
        done = subprocess.run(command, cwd=cwd, env=self.environment(), capture_output=True, text=True)
        if done.returncode:
            raise ScriptFailed(f"{script}.py does not run under {self.name}: {done.stderr.strip()[-2000:]}")
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer


HERE = Version("here", ROOT)


@contextmanager
def checked_out(revision: str, folder: Path) -> Iterator[Version]:
    """This revision's code in a worktree below a folder, gone afterwards."""
    tree = folder / "against"
    _git("worktree", "add", "--quiet", "--detach", tree, revision)
    try:
        yield Version(revision, tree)
    finally:
        _git("worktree", "remove", "--force", tree)


def _git(*words: str | Path) -> None:
    subprocess.run(["git", *words], cwd=ROOT, check=True)
