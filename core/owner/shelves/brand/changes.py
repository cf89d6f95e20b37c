"""Changes of the brand, and of the seller's words, on the owner's page. Each is a deed, and is seen by everybody at once."""

from collections.abc import Mapping

from pydantic import ValidationError
from sqlmodel import Session

from core.catalog import products
from core.catalog.catalog_file import ShopEntry
from core.catalog.demo import catalogue as demo
from core.catalog.looks import brand
from core.catalog.products import ShopText
from core.foundation.errors import Problem, ProductUnfit
from core.owner import live_mode
from core.owner.shelves import checking
from core.owner.shelves.brand import pictures
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop

# What the page sets in words. Pictures are set beside them.
WORDS = (
    "name", "headline", "intro", "accent", "company", "address", "vat_id", "register", "support", "seller", "terms",
    "privacy", "imprint",
)  # fmt: skip


def save(shop: Shop, said: Mapping[str, str], shown: Mapping[str, bytes], *, deed: Deed) -> tuple[str, ...]:
    """Have the shop say this in those of its WORDS that are given, and look like these of `brand.PICTURES`; what changed.

    What is given empty is said or shown no more. Raises FileUnfit, ProductUnfit, NotPermitted or DoneAlready.
    """
    with shop.reading() as session:
        deeds.permit(session, shop.settings, deed, Action.SHELVES, now=shop.now())
    entry = _checked({name: said[name].strip() for name in WORDS if name in said})
    # Before the transaction: a bucket takes its time. What nobody names in the end is in nobody's way.
    keys = {
        name: pictures.put(shop, name, shown[name]) if shown[name] else "" for name in brand.PICTURES if name in shown
    }
    wanted = {**{name: entry.said.get(name, "") for name in WORDS if name in said}, **keys}
    with shop.transaction() as session:
        products.lock_shelves(session)
        standing = products.texts(session)
        changed = tuple(name for name, text in wanted.items() if standing.get(name, "") != text)
        detail = f"changed {', '.join(changed) or 'nothing'}"
        deeds.begin(session, shop.settings, deed, Action.SHELVES, subject="shop", detail=detail, now=shop.now())
        for name in changed:
            _write(session, name, wanted[name])
        session.flush()
        # A live shop that says what is the demo's would not open again.
        if shop.settings.livemode and (found := live_mode.demo_goods(session)):
            raise ProductUnfit([Problem("", 0, mistake.sentence) for mistake in found])
    return changed


def _checked(said: Mapping[str, str]) -> ShopEntry:
    try:
        return ShopEntry.model_validate(said)
    except ValidationError as error:
        raise ProductUnfit(checking.problems(error)) from None


def _write(session: Session, name: str, text: str) -> None:
    if text:
        session.merge(ShopText(key=name, text=text, from_demo=demo.says(name, text)))
    elif row := session.get(ShopText, name):
        session.delete(row)
