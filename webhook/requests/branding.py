"""The brand of the pages that the sidecar draws: what the seller calls the shop, its logo and its colours."""

from dataclasses import dataclass, replace

from markupsafe import Markup

from core.catalog import products
from core.catalog.looks import brand, brand_html
from core.foundation import database
from core.shop import Shop


@dataclass(frozen=True)
class Branding:
    """The shop's name and mail address, and as HTML its logo or name, and what belongs into the head of a page."""

    shop: str
    support: str
    mark: Markup
    head: Markup


def of(shop: Shop) -> Branding:
    """The brand as it is now. While the database is away it is what the settings say."""
    try:
        with shop.reading() as session:
            texts = products.texts(session)
    except database.TROUBLE:
        texts = {}
    base = shop.settings.public_url
    settings, found = brand.over(texts, shop.settings), brand.of(texts, shop.settings)
    style = f"{brand_html.colors(found.accent)}.logo{{display:block;height:2rem;max-width:100%}}"
    head = f"{brand_html.icon(found, base)}<style>{style}</style>"
    # All that is in it was escaped where it was put together.
    return Branding(settings.shop_name, settings.support_email, Markup(brand_html.mark(found, base)), Markup(head))


def named(shop: Shop) -> Shop:
    """The shop with what its seller calls it now, for whatever is written in its name."""
    with shop.reading() as session:
        return replace(shop, settings=brand.named(session, shop.settings))
