"""Opening the shop: its settings looked at, its database migrated and, in the demo, its shelves filled. Once per process."""

from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from core.foundation import database, migration, settings
from core.foundation.settings import Mistake, Settings
from core.foundation.storage import Storage
from core.foundation.telemetry import destinations
from core.gateway.client import StripeApi
from core.outgoing import environment
from core.owner import live_mode, publishing
from core.shop import Shop


def open_shop() -> Shop:
    """The shop of this process. Raises SystemExit with one line for each thing that keeps it from opening."""
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


def open_to_restock() -> Shop:
    """The shop for applying a catalogue: open also while the demo's products keep it closed.

    Raises SystemExit with one line for each mistake in the form of its settings, or if files would be put with the demo's.
    """
    chosen, mistakes = settings.look()
    mistakes += [mistake for mistake in live_mode.mistakes(chosen) if mistake.subject == "STORAGE_URL"]
    settings.refuse(mistakes)
    return _shop(chosen)


def closed_shop() -> Shop:
    """The shop as it lies there, for making a backup of it or putting one back: nothing of it is looked at, filled or migrated."""
    chosen = settings.read()
    return _around(chosen, database.connect(chosen.database_url))


def _shop(chosen: Settings) -> Shop:
    engine = database.connect(chosen.database_url)
    migration.ensure(engine, chosen.database_url, secret=chosen.signing_key)
    return _around(chosen, engine)


def _around(chosen: Settings, engine: Engine) -> Shop:
    stripe = StripeApi(chosen.stripe_secret_key.get_secret_value(), base=chosen.stripe_base)
    return Shop(settings=chosen, engine=engine, stripe=stripe, storage=Storage(chosen.storage_url))


def _on_the_shelves(chosen: Settings, mistakes: list[Mistake]) -> list[Mistake]:
    """What the shop would sell of the demo's. Looked at beside everything else, so that one list names it all."""
    if _not_made_yet(chosen.database_url):
        return []
    engine = database.connect(chosen.database_url)
    try:
        migration.ensure(engine, chosen.database_url, secret=chosen.secret_key.get_secret_value())
        with database.reading(engine) as session:
            return live_mode.demo_goods(session)
    except SQLAlchemyError:
        if not mistakes:
            raise
        return [Mistake("DATABASE_URL", "does not answer, so that nobody could look at what is on the shelves")]
    finally:
        engine.dispose()


def _not_made_yet(url: str) -> bool:
    return url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).exists()
