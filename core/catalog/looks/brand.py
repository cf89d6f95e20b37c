"""The brand: how the shop looks and what it is called, as its seller says in the catalogue's `[shop]` or on the owner's page."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session

from core.catalog import products
from core.catalog.looks import accent
from core.catalog.looks.accent import Accent
from core.foundation.settings import Settings

# The pictures of a brand, by their names in the catalogue.
PICTURES = ("logo", "logo_dark", "icon", "cover")


@dataclass(frozen=True)
class Brand:
    """What a shop is called, its colour, and its pictures, each by its key in the storage or empty.

    `logo` stands on light pages and `logo_dark` on dark ones; `cover` is the picture where a link to the shop is shared.
    """

    name: str
    accent: Accent
    logo: str = ""
    logo_dark: str = ""
    icon: str = ""
    cover: str = ""

    @property
    def logo_on_dark(self) -> str:
        """The logo for dark pages: the one for light ones where there is no other."""
        return self.logo_dark or self.logo


def of(texts: Mapping[str, str], settings: Settings) -> Brand:
    """The brand by the words that stand in the database; who says nothing there is called what SHOP_NAME says."""
    pictures = {name: texts.get(name, "") for name in PICTURES}
    return Brand(texts.get("name", "").strip() or settings.shop_name, accent.of(texts.get("accent", "")), **pictures)


def named(session: Session, settings: Settings) -> Settings:
    """The settings, with the name and the mail address that the seller has given the shop since."""
    return over(products.texts(session), settings)


def over(texts: Mapping[str, str], settings: Settings) -> Settings:
    """The same by the words that stand in the database."""
    said = {"shop_name": texts.get("name", "").strip(), "support_email": texts.get("support", "").strip()}
    return settings.model_copy(update={name: text for name, text in said.items() if text})


def order_prefix(texts: Mapping[str, str], settings: Settings) -> str:
    """What order numbers begin with: the initials of the shop's name, or its first two letters."""
    words = "".join(letter if letter.isalnum() else " " for letter in of(texts, settings).name).split()
    initials = "".join(word[0] for word in words)
    return (initials if len(words) > 1 else (words or ["PC"])[0][:2]).upper()[:4]
