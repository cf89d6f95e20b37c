"""The buyers of the season: people who do not exist, at addresses to which no mail can go."""

from dataclasses import dataclass
from random import Random

from core.owner.season import seasons

_FIRST = (
    "Ada", "Amir", "Bea", "Carlo", "Dorte", "Elif", "Emil", "Freja", "Georg", "Hanna", "Ines", "Jonas", "Karin", "Leo",
    "Maja", "Nils", "Olga", "Pierre", "Rosa", "Sami", "Tilde", "Ulla", "Vera", "Wim", "Yara", "Zoe",
)  # fmt: skip
_LAST = (
    "Aalto", "Bakker", "Conti", "Dahl", "Eriksen", "Fischer", "Garcia", "Holm", "Ivanova", "Jansen", "Keller", "Lund",
    "Moreau", "Nowak", "Olsen", "Petit", "Quist", "Rossi", "Schmidt", "Torres", "Urban", "Vogel", "Weber", "Young",
)  # fmt: skip
_STUDIOS = ("atelier", "buero", "kontor", "loft", "press", "studio", "verkstad", "works")
# How many of a hundred live where.
_COUNTRIES = {"DK": 24, "DE": 22, "SE": 12, "NL": 10, "FR": 9, "GB": 8, "NO": 6, "ES": 5, "IT": 4}
_PEOPLE = 310


@dataclass(frozen=True)
class Buyer:
    """Somebody who buys; `country` in two letters."""

    name: str
    email: str
    country: str


def everybody(chance: Random) -> list[Buyer]:
    """All of them, each once."""
    names = chance.sample([(first, last) for first in _FIRST for last in _LAST], _PEOPLE)
    homes = chance.choices(list(_COUNTRIES), weights=list(_COUNTRIES.values()), k=_PEOPLE)
    return [
        Buyer(
            f"{first} {last}", f"{first}@{last}-{chance.choice(_STUDIOS)}.{seasons.DOMAIN}".lower(), country
        )
        for (first, last), country in zip(names, homes, strict=True)
    ]  # fmt: skip
