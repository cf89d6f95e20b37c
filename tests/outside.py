"""Nobody calls out while a transaction is open: whoever waits for what it has locked would wait for the network too.

The next order's number is such a thing: of a shop in which somebody holds it, nobody can buy.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import isfunction
from threading import local
from typing import Any

from sqlmodel import Session

from core.foundation import database
from core.foundation.storage import Storage
from core.messages import mail
from core.outgoing import posting

# What of a storage asks nothing of it.
_ASKS_NOTHING = ("local", "store", "path_of", "_folder", "_patient", "_attributes", "__init__")


class _Open(local):
    """How many transactions this thread has open."""

    depth = 0


_OPEN = _Open()


def check(what: str) -> None:
    """Raise AssertionError within a transaction."""
    assert not _OPEN.depth, f"{what} was called within a transaction"


def watch() -> None:
    """From now on storages, mail servers and webhooks are called only by whoever has no transaction open. A fake Stripe asks
    by itself."""
    database.transaction = _noted(database.transaction)
    for name, method in vars(Storage).items():
        if isfunction(method) and name not in _ASKS_NOTHING:
            setattr(Storage, name, _checked(f"Storage.{name}", method))
    mail.send = _checked("mail.send", mail.send)
    posting.post = _checked("posting.post", posting.post)


def _noted(transaction: Callable[..., Any]) -> Callable[..., Any]:
    @contextmanager
    def noted(*args: Any, **more: Any) -> Iterator[Session]:
        with transaction(*args, **more) as session:
            _OPEN.depth += 1
            try:
                yield session
            finally:
                _OPEN.depth -= 1

    return noted


def _checked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def checked(*args: Any, **more: Any) -> Any:
        check(name)
        return function(*args, **more)

    return checked
