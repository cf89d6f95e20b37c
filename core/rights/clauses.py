"""Clauses: what the law has a buyer agree to, or be told, before they pay, by what they buy. The words are the seller's to
change, and each wording is known by a version that follows from it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from core.catalog.products import Kind, Product
from core.kinds.offers import Offer
from core.languages.sentences import _, marked


class Clause(StrEnum):
    """What is agreed to, or told. `digital`: delivery begins at once and the right of withdrawal ends by it. `service`: it
    begins at once, and what was used is paid for. `event`: it takes place on a date, so there is no such right. `renewal`: a plan
    goes on until it is cancelled. `terms`: those of the seller."""

    TERMS = "terms"
    DIGITAL = "digital"
    SERVICE = "service"
    EVENT = "event"
    RENEWAL = "renewal"


# Where the seller has no words of their own.
_WORDS = {
    Clause.DIGITAL: marked("Deliver it at once. I know that my right of withdrawal ends with that."),
    Clause.SERVICE: marked(
        "Begin at once, before the 14 days for withdrawing are over. If I withdraw within them, I pay for what I have used"
        " until then."
    ),
    Clause.EVENT: marked("It takes place on a fixed date, so there is no right of withdrawal."),
    Clause.RENEWAL: marked("It renews by itself until I cancel, which I can do at any time among my purchases."),
}
# What is agreed to by a box that is not ticked beforehand; the others are told.
_BOXES = (Clause.TERMS, Clause.DIGITAL, Clause.SERVICE)
# Which of them a product has unless the catalogue says otherwise.
_OF_KIND = {
    Kind.DOWNLOAD: Clause.DIGITAL, Kind.LICENSE: Clause.DIGITAL, Kind.PLAN: Clause.SERVICE, Kind.WORKSHOP: Clause.EVENT,
}  # fmt: skip
# Under this name stands in the catalogue that buyers keep the right to withdraw, whatever it is.
KEPT = "kept"
# The seller's own words stand among the texts of the shop under the clause's name behind this.
TEXT = "consent_"


@dataclass(frozen=True)
class Asked:
    """A clause as a buyer meets it, about some of what they buy. A `box` is to be ticked, anything else is read; nobody who is
    at the cart goes on without one that is `required`."""

    clause: Clause
    wording: str
    products: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def version(self) -> str:
        """By what this very wording is known."""
        return sha256(f"{self.clause}\n{self.wording}".encode()).hexdigest()[:16]

    @property
    def box(self) -> bool:
        """Whether it is agreed to by ticking a box."""
        return self.clause in _BOXES

    @property
    def required(self) -> bool:
        """Whether the seller sells only to whoever agrees."""
        return self.clause is Clause.TERMS


def asked(bought: Iterable[Product | Offer], texts: Mapping[str, str]) -> tuple[Asked, ...]:
    """The clauses about these products, each wording once."""
    found: dict[tuple[Clause, str], dict[str, str]] = {}
    for product in _whole(bought):
        for clause, wording in _of_product(product, texts):
            found.setdefault((clause, wording), {})[product.id] = product.name
    order = list(Clause)
    return tuple(
        Asked(clause, wording, tuple(sorted(about)), tuple(about.values()))
        for (clause, wording), about in sorted(found.items(), key=lambda each: order.index(each[0][0]))
    )


def _whole(bought: Iterable[Product | Offer]) -> Iterator[Product | Offer]:
    """These products, and in place of a bundle its parts."""
    for product in bought:
        yield from product.parts if isinstance(product, Offer) and product.parts else (product,)


def _of_product(product: Product | Offer, texts: Mapping[str, str]) -> Iterable[tuple[Clause, str]]:
    if terms := texts.get(f"{TEXT}{Clause.TERMS}", ""):
        yield Clause.TERMS, terms
    said = product.terms.get("withdrawal") or _OF_KIND[product.kind]
    if said != KEPT:
        clause = Clause(said)
        own = product.terms.get("consent") or texts.get(f"{TEXT}{clause}")
        yield clause, own or _(_WORDS[clause])
    if product.kind is Kind.PLAN:
        yield Clause.RENEWAL, texts.get(f"{TEXT}{Clause.RENEWAL}") or _(_WORDS[Clause.RENEWAL])
