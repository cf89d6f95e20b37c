"""The seller: who stands behind the shop, as the catalogue's `[shop]` says, for footers, letters, receipts and invoices."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.foundation.settings import Settings
from core.languages.sentences import _

# What the law asks of whoever sells for real money.
REQUIRED = ("name", "address", "terms", "privacy", "imprint")
# Each is the address of a page elsewhere, or the text itself.
DOCUMENTS = ("terms", "privacy", "imprint")
# Where this stands in a privacy notice, a sentence says how long IP addresses are kept, as the settings have it.
_IP_ADDRESSES = "{ip_addresses}"


@dataclass(frozen=True)
class Seller:
    """Who sells: `name` is the company where that is called otherwise than its shop. `address` has a line for each of its
    lines; `register` is the number in the register of companies.

    `terms`, `privacy` and `imprint` are addresses of pages, or whole texts. `support` is a mail address. What is not known is
    empty. `missing` are those of REQUIRED that are.
    """

    name: str
    address: str
    vat_id: str
    register: str
    terms: str
    privacy: str
    imprint: str
    support: str
    missing: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """Name, address and numbers, line by line, in the language that is spoken."""
        numbers = [_("VAT id {number}").format(number=self.vat_id)] if self.vat_id else []
        return tuple(filter(None, [self.name, *self.address.splitlines(), *numbers, self.register]))

    def document(self, name: str) -> str:
        """One of DOCUMENTS."""
        return str(getattr(self, name))


def of(texts: Mapping[str, str], settings: Settings) -> Seller:
    """The seller by the words that stand in the database; who has no name there is called what the shop is."""
    said = {name: texts.get(name, "").strip() for name in ("address", "vat_id", "register", *DOCUMENTS)}
    said["privacy"] = said["privacy"].replace(_IP_ADDRESSES, _kept(settings.retention_addresses_days))
    name = texts.get("company", "").strip() or texts.get("name", "").strip()
    missing = tuple(each for each in REQUIRED if not (name if each == "name" else texts.get(each, "").strip()))
    return Seller(
        name=name or settings.shop_name,
        support=texts.get("support", "").strip() or settings.support_email, missing=missing, **said,
    )  # fmt: skip


def _kept(days: float) -> str:
    if not days:
        return _("The IP address from which you signed in or fetched a file is kept with what is known of that.")
    return _("The IP address from which you signed in or fetched a file is forgotten after {days} days.").format(
        days=f"{days:g}"
    )


def is_link(document: str) -> bool:
    """Whether a document stands elsewhere."""
    return document.startswith(("https://", "http://"))


def is_file(document: str) -> bool:
    """Whether a document is named by a file in Markdown, beside the catalogue."""
    return document.strip().endswith(".md") and len(document.split()) == 1
