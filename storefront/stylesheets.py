"""Style sheets: what the theme cannot say, fetched once by each browser and kept there until it changes."""

from hashlib import sha256

from storefront.pictures import STATIC


def address(name: str) -> str:
    """Where browsers find a style sheet of ours."""
    # Named by what is in it: a browser asks anew for one that has changed, and for no other.
    return f"/app/static/{name}?{sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


ADDRESSES = tuple(address(name) for name in ("pushcart.css", "links.css", "office.css"))
IMPORTS = "".join(f'@import url("{address}");' for address in ADDRESSES)
