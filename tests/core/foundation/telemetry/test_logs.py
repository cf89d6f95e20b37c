"""The set-up of logs, in a process of its own: what is written, what is left out, and that nobody waits for it."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.machine import environment

ROOT = Path(__file__).parents[3]
BEGIN = """
import logging, sys, threading, time, warnings
import structlog
from core.foundation import masking
from core.foundation.telemetry import logs
masking.know("the secret of this test")
logging.getLogger("dbos").addHandler(logging.StreamHandler(sys.stdout))
logs.set_up()
log = structlog.get_logger("core.test")
plain = logging.getLogger("some.library")

def broken(secret):
    buyer = "local@example.com"
    raise ValueError(f"no {secret}")
"""


def said(program: str, *, status: int = 0, **settings: str) -> str:
    """What a process that is set up writes to its standard error; nothing goes elsewhere."""
    env = environment(pythonpath=ROOT, **settings)
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + program], env=env, capture_output=True, text=True, encoding="utf-8", timeout=60
    )
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    for secret in ("the secret of this test", "example.com", "local@"):
        assert secret not in done.stderr
    return done.stderr


def test_what_is_written_where_nothing_is_open_harms_nobody() -> None:
    program = BEGIN + "import sys; log.error('lost'); logs.flush(); sys.stdout.write('and this'); sys.exit(7)"
    shell = ["sh", "-c", 'exec "$@" >&- 2>&-', "-", sys.executable, "-c", program]
    assert subprocess.run(shell, env=environment(pythonpath=ROOT), timeout=60).returncode == 7


def test_lines_of_ours_and_of_libraries_look_the_same_and_tell_no_secrets() -> None:
    first, second, third = said("""
log.info("sent", to="jane@example.com", seen={"jane@example.com": [b"the secret of this test", ("j@example.com", 5)]})
plain.warning("refused %s", "jane@example.com")
logging.getLogger("dbos").warning("and this: the secret of this test")
plain.info("libraries only speak of trouble")
""").splitlines()
    assert first.endswith("[info] sent [core.test] to=[address] seen={'[address]': ['***', ['[address]', 5]]}")
    assert second.endswith("[warning] refused [address] [some.library]")
    assert third.endswith("[warning] and this: *** [dbos]")


def test_what_a_library_keeps_quiet_on_being_imported_is_so_whatever_other_threads_do_with_warnings() -> None:
    assert not said("""
with warnings.catch_warnings():
    from urllib3.exceptions import DependencyWarning
    warnings.simplefilter("ignore", DependencyWarning)  # as requests does
try:
    import urllib3.contrib.socks
except ImportError:
    pass
""")


@pytest.mark.parametrize("settings", [{"log_format": "json"}, {"stripe_secret_key": "sk_live_0123456789"}])
def test_in_production_each_line_is_an_object_with_all_that_belongs_to_it(settings: dict[str, str]) -> None:
    told = said(
        """
structlog.contextvars.bind_contextvars(request_id="req_12345678")
log.info("sent", to="jane@example.com", seen={"jane@example.com": [1, None]}, text="a\\nb")
plain.warning("refused %s", "jane@example.com")
try:
    broken("the secret of this test")
except ValueError as error:
    log.error("broke", exc_info=error)
""",
        **settings,
    )
    first, second, third = (orjson.loads(line) for line in told.splitlines())
    assert (first["event"], first["level"], first["logger"]) == ("sent", "info", "core.test")
    assert (first["to"], first["seen"], first["text"]) == ("[address]", {"[address]": [1, None]}, "a\nb")
    assert (second["event"], second["request_id"]) == ("refused [address]", "req_12345678")
    assert third["exception"].splitlines()[-1] == "ValueError: no ***"


def test_tracebacks_are_plain_and_name_no_values() -> None:
    text = said("""
try:
    broken("the secret of this test")
except ValueError as error:
    log.error("broke", exc_info=error)
    plain.exception("broke too")
""")
    assert text.count("ValueError: no ***") == 2
    assert text.count("in broken") == 2
    assert "buyer" not in text.replace('buyer = "', "")


def test_tracebacks_are_bounded_however_deep_long_and_many_their_errors_are() -> None:
    text = said("""
def deep(n):
    if n:
        try:
            deep(n - 1)
        except Exception as error:
            raise RuntimeError("word " * 1000) from error
    broken("the secret of this test")

try:
    deep(100)
except Exception as error:
    log.error("chained", exc_info=error)
    log.error("grouped", exc_info=ExceptionGroup("many", [error, *[ValueError("word " * 1000 + "j@example.com")] * 500]))
""")
    assert "chained" in text
    assert "grouped" in text
    assert len(text) < 20_000


def test_what_nobody_catches_is_logged_likewise() -> None:
    text = said(
        """
thread = threading.Thread(target=broken, args=["the secret of this test"])
thread.start()
thread.join()
warnings.warn("jane@example.com is deprecated")
class Dying:
    def __del__(self):
        broken("the secret of this test")
del [Dying()][:]
dying = Dying()
del dying
broken("the secret of this test")
""",
        status=1,
    )
    assert text.count("ValueError: no ***") == 4
    assert "UserWarning: [address] is deprecated" in text


def test_what_repeats_itself_is_counted_and_the_rest_is_not() -> None:
    text = said("""
for number in range(500):
    log.error("same", number=number)
    plain.error(f"same line of a library, {number}")
    log.info("each matters", number=number)
log.error("another")
""")
    assert text.count("[error] same [") == text.count("same line of a library, ") - 1 == 10
    assert text.count("left_out=490") == 2
    assert text.count("each matters") == 500
    assert text.count("another") == 1


def test_who_logs_does_not_wait_for_who_reads_and_learns_how_much_was_dropped() -> None:
    program = (
        BEGIN
        + """
begun = time.monotonic()
for number in range(5000):
    log.info("flood", number=number, text="word " * 100)
print(time.monotonic() - begun, flush=True)
sys.stdin.read()
"""
    )
    running = subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment(pythonpath=ROOT), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert running.stdout
    assert float(running.stdout.readline()) < 10
    _, text = running.communicate(timeout=60)
    assert running.returncode == 0
    assert b"lines_dropped" in text
    assert 1000 < text.count(b"flood") < 5000


def test_what_was_logged_is_read_though_nothing_else_is_logged_and_nothing_ends() -> None:
    program = BEGIN + "for word in ('one', 'two'):\n    log.info(word)\nsys.stdin.read()"
    running = subprocess.Popen(
        [sys.executable, "-c", program], env=environment(pythonpath=ROOT), stdin=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stderr
    assert b" one " in running.stderr.readline()
    assert b" two " in running.stderr.readline()
    running.communicate(timeout=60)


def test_lines_that_came_together_are_written_at_once() -> None:
    program = """
import io
pieces = []
stream = io.StringIO()
stream.write = pieces.append
lines = logs._Lines(stream)
lines.setFormatter(logging.Formatter("%(message)s"))
for number in range(250):
    lines.handle(logging.LogRecord("", logging.INFO, "", 0, str(number), None, None))
assert [piece.count("\\n") for piece in pieces] == [100, 100]
lines.write()
assert "".join(pieces).split() == [str(number) for number in range(250)] and len(pieces) == 3
stream.close()
"""
    assert said(program) == ""


def test_a_secret_that_is_learned_late_is_masked_from_then_on_also_in_words_that_were_seen_before() -> None:
    first, second = said("""
log.info("opened", by="swordfish-swordfish")
logs.flush()
masking.know("swordfish-swordfish")
log.info("opened", by="swordfish-swordfish")
""").splitlines()
    assert first.endswith("by=swordfish-swordfish")
    assert second.endswith("by=***")


def test_words_that_do_not_fit_their_values_and_strange_values_are_logged_all_the_same() -> None:
    text = said(r"""
class Strange:
    def __repr__(self):
        raise RuntimeError("jane@example.com")
plain.warning("one %d", "jane@example.com")
log.warning("strange", value=Strange(), token="abc", code="123456")
log.warning("forged\n2026-01-01 [error] paid \x1b[2J", text="a\nb")
""")
    assert "one %d ['[address]']" in text
    assert "value=<Strange> token=*** code=***" in text
    assert "\n    2026-01-01 [error] paid \\x1b[2J" in text
