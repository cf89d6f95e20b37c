"""Opening the shop: its settings looked at, its database migrated and, in the demo, its shelves filled. Once per process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from core.connections import postgres, proxies
from core.foundation import database, migration, settings
from core.foundation.errors import DatabaseNewer, MigrationStuck, StorageUnreachable
from core.foundation.settings import Mistake, Settings
from core.foundation.storage import Storage
from core.foundation.telemetry import destinations
from core.gateway.client import StripeApi
from core.languages import catalogs
from core.outgoing import environment
from core.owner import live_mode, publishing
from core.shop import Shop

log = structlog.get_logger()


@contextmanager
def _said_if_away() -> Iterator[None]:
    """Tells in one line of a database, a storage or a folder that cannot be had, where a process cannot begin without it."""
    try:
        yield
    except DBAPIError as error:
        if not database.is_away(error) and not _is_no_database(error):
            raise
        raise SystemExit(f"Pushcart cannot start: the database does not answer: {database.why(error)}") from None
    except StorageUnreachable as error:
        raise SystemExit(f"Pushcart cannot start: what STORAGE_URL names does not answer: {error.said}") from None
    except OSError as error:
        if not error.strerror:
            raise
        where = f": {error.filename}" if error.filename else ""
        raise SystemExit(f"Pushcart cannot start: {error.strerror}{where}") from None


def _is_no_database(error: DBAPIError) -> bool:
    """Whether the file is of another kind or damaged, or the driver does not know what the address asks for."""
    return database.is_damaged(error) or error.statement is None


@_said_if_away()
def open_shop() -> Shop:
    """The shop of this process. Raises SystemExit with one line for each thing that keeps it from opening."""
    proxies.pass_by_this_machine()
    chosen, mistakes = settings.look()
    wrong = {mistake.subject for mistake in mistakes}
    mistakes += [mistake for mistake in live_mode.mistakes(chosen) if mistake.subject not in wrong]
    if chosen.livemode and "DATABASE_URL" not in wrong:
        mistakes += _on_the_shelves(chosen, mistakes)
    mistakes += destinations.mistakes(chosen)
    settings.refuse(mistakes)
    destinations.open_all(chosen)
    shop = _shop(chosen)
    if chosen.demo:
        publishing.fill_demo(shop)
    environment.follow(shop)
    return shop


@_said_if_away()
def open_to_restock() -> Shop:
    """The shop for applying a catalogue: open also while the demo's products keep it closed.

    Raises SystemExit with one line for each mistake in the form of its settings, or if files would be put with the demo's.
    """
    proxies.pass_by_this_machine()
    chosen, mistakes = settings.look()
    mistakes += [mistake for mistake in live_mode.mistakes(chosen) if mistake.subject == "STORAGE_URL"]
    settings.refuse(mistakes)
    return _shop(chosen)


def closed_shop() -> Shop:
    """The shop as it lies there, for making a backup of it or putting one back: nothing of it is looked at, filled or migrated."""
    proxies.pass_by_this_machine()
    chosen = settings.read()
    return _around(chosen, database.connect(chosen.database_url))


def _shop(chosen: Settings) -> Shop:
    engine = database.connect(chosen.database_url)
    migrate(chosen, engine, secret=chosen.signing_key)
    return _around(chosen, engine)


def _around(chosen: Settings, engine: Engine) -> Shop:
    catalogs.set_up(default=chosen.default_language, folder=chosen.languages_folder)
    stripe = StripeApi(chosen.stripe_secret_key.get_secret_value(), base=chosen.stripe_base)
    return Shop(settings=chosen, engine=engine, stripe=stripe, storage=Storage(chosen.storage_url))


@_said_if_away()
def migrate(chosen: Settings, engine: Engine, *, secret: str) -> bool:
    """Bring the database to this version's schema, past a pooler if there is one; whether anything was to be done.

    Raises SystemExit with one line for what keeps it from that.
    """
    direct = database.connect(chosen.direct_database) if chosen.database_direct_url else engine
    try:
        if postgres.is_pooled(direct):
            settings.refuse([_POOLED if direct is engine else _POOLED_TOO])
        if direct is not engine and not postgres.is_same(engine, direct):
            settings.refuse([_ANOTHER])
        _look_at_encoding(direct)
        return migration.ensure(direct, chosen.direct_database, secret=secret)
    except DatabaseNewer as newer:
        raise SystemExit(
            f"Pushcart cannot start: the database is of a later version of the shop (schema {newer.found}, and this one knows "
            f"{newer.known}). Start that version, or go back to a backup of before."
        ) from None
    except MigrationStuck as stuck:
        raise SystemExit(
            "Pushcart cannot start: another process is bringing the database up to this version, and has not got on for "
            f"{stuck.seconds} seconds (it is at {stuck.at or 'the first step'}). See what it waits for, or end it: the next one to "
            "start goes on where it stopped."
        ) from None
    finally:
        if direct is not engine:
            direct.dispose()


def _look_at_encoding(engine: Engine) -> None:
    """Begin in no database that does not keep every letter: the first buyer whose name has another one could not be written down. A
    shop that is in one already goes on, and is told."""
    found = postgres.encoding(engine)
    if found == postgres.UTF8:
        return
    if migration.current(engine) is None:
        settings.refuse([Mistake("DATABASE_URL", f"leads to a database that keeps texts in {found}: {_UTF8}")])
    log.warning("database_lacks_letters", encoding=found)


_UTF8 = "make one that keeps any letter, by `createdb --encoding=UTF8 --template=template0 --locale=C.UTF-8 NAME`"
_POOLED = Mistake(
    "DATABASE_URL",
    "leads to a pooler such as PgBouncer. The shop works through it, but migrations and the worker cannot: set "
    "DATABASE_DIRECT_URL to the address of the database itself",
)
# The shop would read one, and have its tables made and its jobs done in the other.
_ANOTHER = Mistake("DATABASE_DIRECT_URL", "leads to another database than DATABASE_URL")
_POOLED_TOO = Mistake("DATABASE_DIRECT_URL", "leads to a pooler as well, and has to lead to the database itself")


def _on_the_shelves(chosen: Settings, mistakes: list[Mistake]) -> list[Mistake]:
    """What the shop would sell of the demo's. Looked at beside everything else, so that one list names it all."""
    if _not_made_yet(chosen.database_url):
        return []
    engine = database.connect(chosen.database_url)
    try:
        migrate(chosen, engine, secret=chosen.secret_key.get_secret_value())
        with database.reading(engine) as session:
            return live_mode.demo_goods(session)
    except (SQLAlchemyError, SystemExit):
        if not mistakes:
            raise
        return [Mistake("DATABASE_URL", "does not answer, so that nobody could look at what is on the shelves")]
    finally:
        engine.dispose()


def _not_made_yet(url: str) -> bool:
    return url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).exists()
