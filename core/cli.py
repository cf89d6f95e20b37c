"""The `pushcart` command: what an owner does at a terminal, each with `--json` for scripts."""

import logging
import signal
import sys

import structlog
import typer

from core import opening
from core.command_line import (
    catalog,
    errors,
    events,
    export,
    imports,
    license,
    orders,
    people,
    report,
    staff,
    withdrawals,
)
from core.command_line.answers import Json, fail, refuse, say
from core.command_line.operations import backup, demo, doctor, languages, rehearse
from core.command_line.programs import api_keys, hooks
from core.foundation import database, settings
from core.foundation.errors import BadInput, ShopError
from core.foundation.telemetry import logs
from core.languages import catalogs, sentences

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for name, group in {
    "catalog": catalog.catalog_commands,
    "report": report.report_commands,
    "staff": staff.staff_commands,
    "api-key": api_keys.api_key_commands,
    "demo": demo.demo_commands,
    "webhook": doctor.webhook_commands,
    "hooks": hooks.hook_commands,
    "import": imports.import_commands,
    "languages": languages.language_commands,
    "withdraw": withdrawals.withdraw_commands,
}.items():
    app.add_typer(group, name=name)
imports.import_commands.command("licenses")(license.import_licenses)
for command in (
    orders.orders, orders.order, orders.resend, orders.refund, orders.revoke, orders.evidence,
    events.events, events.replay, events.reconcile, events.attention,
    withdrawals.withdrawals, people.customer, people.sign_in_code, people.retention, export.export, doctor.doctor, license.license,
    license.signing_key, backup.backup, backup.restore, rehearse.rehearse,
):  # fmt: skip
    app.command(command.__name__.replace("_", "-"))(command)

log = structlog.get_logger()


def main() -> None:
    """Run the command. What was typed wrongly ends in a readable line and exit status 2, what cannot be done in one and 1."""
    _tidy_up_when_ended()
    # Whoever sits there is told what came of it in words, and not how it went.
    logs.set_up(least=logging.ERROR)
    # Owners are spoken to in English, also where their buyers are not.
    sentences.speak(catalogs.ENGLISH)
    try:
        # What the command ended with, where it says so itself.
        sys.exit(app(standalone_mode=False) or 0)
    except BadInput as error:
        refuse(*errors.lines(error))
    except ShopError as error:
        fail(*errors.lines(error))
    except typer.BadParameter as error:
        refuse(errors.of_words(error))
    except typer.TyperException as error:
        # Of a command that is nothing by itself, Typer has what there is to say: its help.
        if error.exit_code != 2 or not error.format_message() or "Usage:" in error.format_message():
            error.show()  # type: ignore[attr-defined]
            sys.exit(error.exit_code)
        refuse(errors.of_words(error))
    except typer.Abort:
        fail("Nothing was done.")
    except Exception as error:
        if lines := errors.of_this_machine(error):
            fail(*lines)
        if unread := errors.unread(sys.argv):
            refuse(unread)
        # Here and not by Typer, whose hook would print it as it is.
        log.critical("command_failed", exc_info=error)
        sys.exit(1)


def _tidy_up_when_ended() -> None:
    """Have a supervisor, and a line that breaks, end a command as Ctrl-C does: what it had begun is taken back, and what it had
    written for a while removed."""

    def end(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # `nohup` has the second one ignored
            signal.signal(number, end)


@app.command()
def migrate(as_json: Json = False) -> None:
    """Bring the database to this version's schema. Where it has that already, nothing is done."""
    chosen = settings.read()
    changed = opening.migrate(chosen, database.connect(chosen.database_url), secret=chosen.signing_key)
    say({"migrated": changed}, "The database was migrated." if changed else "The database is up to date.", as_json)


if __name__ == "__main__":
    main()
