"""Opening the shop at the start of a process: its settings read, its database migrated and, in the demo, its shelves filled."""

from core import catalog_file, database, migration, settings
from core.settings import Settings
from core.shop import Shop
from core.storage import Storage
from core.stripe_api import StripeApi


def open_shop(chosen: Settings | None = None) -> Shop:
    """The shop of this process, its database migrated and, in the demo, its shelves filled."""
    chosen = chosen or settings.read()
    shop = Shop(
        settings=chosen,
        engine=database.connect(chosen.database_url),
        stripe=StripeApi(chosen.stripe_secret_key.get_secret_value(), base=chosen.stripe_base),
        storage=Storage(chosen.storage_url),
    )
    migration.ensure(shop.engine, chosen.database_url)
    if chosen.demo:
        catalog_file.fill_demo(shop)
    return shop
