"""What this process holds: the shop, opened once. Call through the module, `process.shop()`: whoever asks gets the same one."""

from functools import cache

from core.opening import open_shop
from core.shop import Shop


@cache
def shop() -> Shop:
    """The shop of this process. Raises SystemExit with readable lines when its settings are wrong."""
    return open_shop()
