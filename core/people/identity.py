"""Identity: staff who sign in by an identity provider (OpenID Connect) in place of a mailed code.

Whoever verified the token's signature hands its claims on. Here it is decided whether they let anybody in: the provider must have
verified the address, it must be of somebody who works here, and each token works once, within minutes.
"""

from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy.exc import IntegrityError

from core.foundation.errors import IdentityRefused, WhyRefused
from core.people import audit, sign_in, staff
from core.shop import Shop

# So long after it was made a token signs in, and a clock may be wrong by a little.
_WORKS, _SKEW = timedelta(minutes=10), timedelta(minutes=1)
_ACTION = "signed_in"


def is_fresh(shop: Shop, claims: Mapping[str, Any]) -> bool:
    """Whether its token was made in the last minutes. Asks nothing of the database."""
    made = claims.get("iat")
    age = shop.now().timestamp() - made if isinstance(made, int | float) else None
    return age is not None and -_SKEW.total_seconds() <= age <= _WORKS.total_seconds()


def enter(shop: Shop, claims: Mapping[str, Any]) -> str:
    """A ticket for the sidecar's sign-in address, as a mailed code gives one: for 12 hours, and with the second factor still to
    be given. Raises IdentityRefused."""
    address = str(claims.get("email") or "")
    if not is_fresh(shop, claims):
        raise IdentityRefused(WhyRefused.OLD)
    # Some providers let people write any address into their profile: only one that they say they have verified proves it.
    if not address or claims.get("email_verified") not in (True, "true"):
        raise IdentityRefused(WhyRefused.UNVERIFIED)
    try:
        return _begin(shop, address, claims)
    except IntegrityError:
        raise IdentityRefused(WhyRefused.OLD) from None


def _begin(shop: Shop, address: str, claims: Mapping[str, Any]) -> str:
    with shop.transaction() as session:
        who = staff.of_address(session, address, owners=shop.settings.owners)
        if who is None:
            raise IdentityRefused(WhyRefused.STRANGER)
        ticket = sign_in.begin(session, shop, address, proof=_proof(claims))
        provider = str(claims.get("iss") or "")
        audit.record(
            session,
            who=who.email,
            role=who.role,
            action=_ACTION,
            subject="staff",
            detail=f"by {provider}",
            now=shop.now(),
        )
    return ticket


def _proof(claims: Mapping[str, Any]) -> str:
    """Stands for one token, by what no other has."""
    parts = (str(claims.get(name) or "") for name in ("iss", "sub", "iat", "nonce", "jti"))
    return sha256("\0".join(parts).encode()).hexdigest()
