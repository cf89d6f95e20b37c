"""Runs tests in children of a process that has imported them all, so that a mutant costs no start."""

import json
import os
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from coverage import Coverage

from tests.mutations.mutants import ROOT

# On PostgreSQL a test says the same, later.
ARGUMENTS = ("-o", "addopts=", "-o", "tmp_path_retention_policy=none", "-qq", "-p", "no:cacheprovider",
             "--strict-markers", "-n", "0", "-k", "not postgres")  # fmt: skip
HANGING = 60.0  # seconds, and a multiple of what is given, after which a test is taken to hang


@dataclass(eq=False)  # as a plugin it is told from others
class Session:
    """A pytest session in which all tests were collected; none runs in this process itself."""

    items: dict[str, pytest.Item]
    folder: Path
    failed: list[str] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def first_with(self, fixture: str) -> list[str]:
        """The first test that asks for a fixture, if there is one: what that makes once for all is there then."""
        found = (name for name, item in self.items.items() if fixture in getattr(item, "fixturenames", ()))
        return [name for _, name in zip(range(1), found, strict=False)]

    def killer(self, put: Callable[[], None], tests: list[str], seconds: float) -> str:
        """Which of these tests fails when this was put in place, or an empty string. After so long at work no more are run.

        One that runs when all should have ended long ago, however busy the machine is, hangs, which is to fail.
        """
        running = self.folder / "running"

        def ask() -> None:
            put()
            for item, following in self._in_turn(tests):
                running.write_text(item.nodeid)
                self._run(item, following)
                if self.failed:
                    return
                if time.process_time() > seconds:
                    break
            running.write_text("")

        if code := _in_a_child(ask, seconds=HANGING + 20 * seconds):
            raise ChildProcessError(f"A child ended with {code}.")
        return running.read_text()

    def measure(self, files: list[str], tests: list[str], answer: Path) -> None:
        """Write down which of these tests reach what of these files, how long each takes, and which fail."""

        def ask() -> None:
            coverage = Coverage(data_file=None, include=[str(ROOT / file) for file in files])
            seconds = {}
            coverage.start()
            for item, following in self._in_turn(tests):
                coverage.switch_context(item.nodeid)
                began = time.monotonic()
                self._run(item, following)
                seconds[item.nodeid] = time.monotonic() - began
            coverage.stop()
            data = coverage.get_data()
            lines = {file: data.contexts_by_lineno(str(ROOT / file)) for file in files}
            answer.write_text(json.dumps({"seconds": seconds, "failed": self.failed, "lines": lines}))

        if _in_a_child(ask, seconds=3600) != 0:
            raise ChildProcessError("The tests could not be measured.")

    def _in_turn(self, tests: list[str]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
        items = [self.items[test] for test in tests]
        return zip(items, [*items[1:], None], strict=False)  # no test may reach a mutant: it survives

    def _run(self, item: pytest.Item, following: pytest.Item | None) -> None:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


def with_collected(tests: list[str], use: Callable[[Session], None]) -> int:
    """Collect these tests, files or folders, and do something with them; pytest's exit code.

    Only standard error is seen meanwhile: pytest reports what it runs in the children, too.
    """

    class Loop:
        def pytest_runtestloop(self, session: pytest.Session) -> bool:
            if session.testsfailed:
                raise session.Interrupted("Not all tests could be collected.")
            # Made here, where all children find it: each on its own would make it anew, and the databases in it too.
            folder = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
            mine = Session({item.nodeid: item for item in session.items}, folder)
            session.config.pluginmanager.register(mine)
            with session.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
                mine.killer(lambda: None, mine.first_with("shop"), 60)
                try:
                    use(mine)
                except Exception:
                    traceback.print_exc()  # pytest would say it where nobody sees it
                    raise
            return True

    with open(os.devnull, "w") as nowhere, tempfile.TemporaryDirectory() as folder:
        shown = os.dup(1)
        os.dup2(nowhere.fileno(), 1)
        try:
            return int(pytest.main([*ARGUMENTS, f"--basetemp={folder}/tests", *tests], plugins=[Loop()]))
        finally:
            os.dup2(shown, 1)


def _in_a_child(work: Callable[[], None], *, seconds: float) -> int | None:
    """Do this in a copy of this process: 0 if it was done, another code if not, None if it took longer than this."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        code = 3
        try:
            work()
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None
