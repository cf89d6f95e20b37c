"""Whether what the fake says is what the sandbox says, but for the ids that each of them draws and the pace of their clocks."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from datetime import datetime
from functools import partial
from typing import Any

from core.gateway import sessions
from core.orders import disputes, refunds, subscriptions
from core.orders.balance import entries, payouts

# What the shop makes of Stripe's objects: it must be the same, though the fake leaves keys out.
READERS: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "balance_transaction": partial(entries.read_entry, shop_id=""),
    "checkout.session": sessions.read_session,
    "dispute": disputes.read_dispute,
    "payout": payouts.read_payout,
    "refund": refunds.read_refund,
    "subscription": subscriptions.read_subscription,
}
ID = re.compile(
    r"\b(?!in_(?:progress|transit)\b)(cs|pi|ch|py|re|pyr|du|issfr|sub|si|in|cus|price|prod|ord|rf|tok|txn|po|promo)_(?:test_)?\w+"
)
FRAGMENT = re.compile(r"#fid\S+")
PORT = re.compile(r"(?<=http://127\.0\.0\.1:)\d+")
# Both began at the same second; since then each has taken its time.
SECONDS = 60
EARLIEST_STAMP = 1_500_000_000
# The shop's, under a key of its own on either side.
SIGNATURE = ".metadata.copy_signature"


class Likeness:
    """Compares, and learns on the way which id of the fake's is which of the sandbox's."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self._named: dict[str, str] = {}

    def same(self, fake: Any, sandbox: Any, where: str = "") -> None:
        """The sandbox says whatever the fake says; of an object that the shop reads, all that it reads."""
        fake, sandbox = (asdict(each) if is_dataclass(each) and not isinstance(each, type) else each
                         for each in (fake, sandbox))  # fmt: skip
        match fake, sandbox:
            case dict(), dict():
                self._same_object(fake, sandbox, where)
            case list() | tuple(), list() | tuple():
                assert len(fake) == len(sandbox), f"{where}: {len(fake)} by the fake, {len(sandbox)} by the sandbox"
                for number, (ours, theirs) in enumerate(zip(fake, sandbox, strict=True)):
                    self.same(ours, theirs, f"{where}[{number}]")
            case str(), str():
                self._same_words(fake, sandbox, where)
            case datetime(), datetime():
                self.same(int(fake.timestamp()), int(sandbox.timestamp()), where)
            case int(), int() if min(fake, sandbox) > EARLIEST_STAMP:
                assert abs(fake - sandbox) <= SECONDS, f"{where}: {fake - sandbox} seconds apart"
            case _:
                assert (type(fake), fake) == (type(sandbox), sandbox), where

    def _same_object(self, fake: dict[str, Any], sandbox: dict[str, Any], where: str) -> None:
        unheard = fake.keys() - sandbox.keys()
        assert not unheard, f"{where}: the sandbox does not say {unheard}"
        for name, value in fake.items():
            self.same(value, sandbox[name], f"{where}.{name}")
        if read := READERS.get(str(fake.get("object"))):
            self.same(read(fake), read(sandbox), f"{where} as it is read")

    def _same_words(self, fake: str, sandbox: str, where: str) -> None:
        if where.endswith(SIGNATURE):
            assert (bool(fake), len(fake)) == (bool(sandbox), len(sandbox)), where
            return
        ours, theirs = ID.findall(fake), ID.findall(sandbox)
        assert ours == theirs, f"{where}: {fake} by the fake, {sandbox} by the sandbox"
        for our, their in zip(ID.finditer(fake), ID.finditer(sandbox), strict=True):
            assert self.known.setdefault(our.group(), their.group()) == their.group(), f"{where}: another {our.group()}"
            assert self._named.setdefault(their.group(), our.group()) == our.group(), f"{where}: two {their.group()}"
        words = (PORT.sub("", FRAGMENT.sub("#fid", ID.sub("", each))) for each in (fake, sandbox))
        assert len(set(words)) == 1, f"{where}: {fake} by the fake, {sandbox} by the sandbox"
