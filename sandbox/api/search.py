"""Search: objects that fit a query such as `status:'active' AND metadata['order']:'7'`, newest first.

A clause is a field, an operator and a value, perhaps with `-` before it. All clauses must hold, or with OR any.
At Stripe it takes up to a minute until an object can be found; here it is found at once.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sandbox.account import lists
from sandbox.ground.errors import StripeError, invalid

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call, Handler
    from sandbox.protocol.spec import Object

MOST_CLAUSES = 10
SHORTEST_PART = 3
UNREADABLE = (
    'We were unable to parse your search query. Try using the format `metadata["key"]:"value"` to query for metadata '
    'or key:"value" to query for other fields.'
)
CLAUSE = re.compile(
    r"""(?P<negated>-)?
        (?P<field>[A-Za-z_][\w.]*) (?:\[ (?P<key>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*') \])?
        \s*(?P<operator>:|~|>=|<=|>|<|=)\s*
        (?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"']+)
        (?=\s|$)""",
    re.VERBOSE,
)
JOINT = re.compile(r"\s+(?:(?P<word>AND|OR)\s+)?", re.IGNORECASE)
# The operators each kind of field takes.
TOKEN, TEXT, NUMBER = (":",), (":", "~"), (":", "=", ">", ">=", "<", "<=")
COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ":": lambda a, b: a == b,
    "=": lambda a, b: a == b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}
ALWAYS = {"created": NUMBER, "metadata": TOKEN}
FIELDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "charge": {
        "amount": NUMBER,
        "billing_details.address.postal_code": TOKEN,
        "currency": TOKEN,
        "customer": TOKEN,
        "disputed": TOKEN,
        "refunded": TOKEN,
        "status": TOKEN,
        **{
            f"payment_method_details.{kind}.{part}": TOKEN
            for kind in ("card", "sepa_debit", "us_bank_account")
            for part in ("brand", "exp_month", "exp_year", "fingerprint", "last4")
        },
    },
    "customer": {"email": TEXT, "name": TEXT, "phone": TEXT},
    "invoice": {
        "currency": TOKEN,
        "customer": TOKEN,
        "last_finalization_error_code": TOKEN,
        "last_finalization_error_type": TOKEN,
        "number": TEXT,
        "receipt_number": TEXT,
        "status": TEXT,
        "subscription": TEXT,
        "total": NUMBER,
    },
    "payment_intent": {"amount": NUMBER, "currency": TOKEN, "customer": TOKEN, "status": TOKEN},
    "price": {"active": TOKEN, "currency": TOKEN, "lookup_key": TEXT, "product": TEXT, "type": TOKEN},
    "product": {"active": TOKEN, "description": TEXT, "name": TEXT, "shippable": TOKEN, "url": TEXT},
    "subscription": {"canceled_at": NUMBER, "status": TOKEN},
}
# Fields that lie elsewhere in the object than their names say.
ELSEWHERE = {
    "last_finalization_error_code": "last_finalization_error.code",
    "last_finalization_error_type": "last_finalization_error.type",
    ("invoice", "subscription"): "parent.subscription_details.subscription",
}


@dataclass(frozen=True)
class Clause:
    """One condition. `value` is None for null, which stands for what is not set."""

    kind: str
    field: str
    key: str | None
    operator: str
    value: str | None
    negated: bool

    def holds(self, obj: Object) -> bool:
        """Whether an object fits."""
        return self._fits(self._found(obj)) != self.negated

    def _found(self, obj: Object) -> Any:
        if self.key is not None:
            return obj["metadata"].get(self.key)
        path = ELSEWHERE.get(self.field) or ELSEWHERE.get((self.kind, self.field)) or self.field
        found: Any = obj
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return found

    def _fits(self, found: Any) -> bool:
        if self.value is None or found is None:
            return self.value is None and found is None
        if isinstance(found, bool):
            return self.value.lower() == str(found).lower()
        if isinstance(found, int) and self.operator in COMPARE and _is_number(self.value):
            return COMPARE[self.operator](found, float(self.value))
        text, wanted = str(found).lower(), self.value.lower()
        return wanted in text if self.operator == "~" else wanted == text


def of(kind: str) -> Handler:
    """A handler that searches a kind of object."""
    return partial(_search, kind)


def _search(kind: str, account: Account, call: Call) -> Object:
    clauses, any_of = parse(call.params["query"], kind)
    choose = any if any_of else all
    found = [obj for obj in account.store.all(kind) if choose(clause.holds(obj) for clause in clauses)]
    size = lists.page_size(call)
    start = _start(found, call.params["page"]) if call.params.get("page") else 0
    shown, more = found[start : start + size], start + size < len(found)
    result = {
        "object": "search_result",
        "data": shown,
        "has_more": more,
        "next_page": _token(shown[-1]["id"]) if more else None,
        "url": call.path,
    }
    return {**result, "total_count": len(found)} if "total_count" in call.expand else result


def _token(id: str) -> str:
    return base64.urlsafe_b64encode(id.encode()).decode().rstrip("=")


def _start(found: Iterable[Object], token: str) -> int:
    for position, obj in enumerate(found):
        if _token(obj["id"]) == token:
            return position + 1
    raise invalid("Invalid page token.", param="page")


def parse(query: str, kind: str) -> tuple[list[Clause], bool]:
    """The clauses of a query, and whether one of them is enough. Raises StripeError when it cannot be read."""
    clauses, words = [], set()
    for word, match in _pieces(query.strip()):
        words.add(word)
        clauses.append(_clause(match, kind))
    if {"AND", "OR"} <= words | ({"AND"} if "" in words else set()):
        raise invalid(f"{UNREADABLE} You cannot combine AND and OR in the same query.", param="query")
    if len(clauses) > MOST_CLAUSES:
        raise invalid(f"You can combine up to {MOST_CLAUSES} query clauses in a search.", param="query")
    return clauses, "OR" in words


def _pieces(query: str) -> Iterator[tuple[str | None, re.Match[str]]]:
    """Each clause with the word before it: AND, OR, nothing but a space, or None for the first."""
    position, word = 0, None
    while True:
        match = CLAUSE.match(query, position)
        if match is None:
            raise _unreadable()
        yield word, match
        if match.end() == len(query):
            return
        joint = JOINT.match(query, match.end())
        assert joint is not None
        position, word = joint.end(), (joint["word"] or "").upper()


def _unreadable() -> StripeError:
    return invalid(UNREADABLE, param="query")


def _clause(match: re.Match[str], kind: str) -> Clause:
    field, operator = match["field"], match["operator"]
    allowed = {**ALWAYS, **FIELDS[kind]}.get(field)
    if allowed is None or (field == "metadata") != (match["key"] is not None):
        raise _unsupported(field, kind)
    if operator not in allowed:
        raise invalid(f"Operator `{operator}` is not supported for the field `{field}`.", param="query")
    value = _value(match["value"], field, numeric=allowed is NUMBER)
    if operator == "~" and len(value or "") < SHORTEST_PART:
        raise invalid(f"Substrings must have at least {SHORTEST_PART} characters.", param="query")
    key = _bare(match["key"]) if match["key"] else None
    return Clause(kind, field, key, operator, value, bool(match["negated"]))


def _value(raw: str, field: str, *, numeric: bool) -> str | None:
    if raw.lower() == "null":
        return None
    value = _bare(raw)
    if numeric and not _is_number(value):
        raise invalid(f"The field `{field}` is numeric, but `{value}` is not a number.", param="query")
    # Only numbers, booleans and null may stand without quotation marks.
    if value == raw and not _is_number(raw) and raw.lower() not in ("true", "false"):
        raise _unreadable()
    return value


def _unsupported(field: str, kind: str) -> StripeError:
    resource = f"{kind}s"
    text = (
        f"Field `{field}` is an unsupported search field for resource `{resource}`. See "
        f"http://stripe.com/docs/search#query-fields-for-{resource.replace('_', '-')} for a list of supported fields."
    )
    return invalid(text, param="query")


def _bare(raw: str) -> str:
    if raw[0] not in "\"'":
        return raw
    return re.sub(r"\\(.)", r"\1", raw[1:-1])


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None
