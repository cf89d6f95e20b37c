"""What is covered and what is not, as tables made from the code.

    python -m docs.sandbox_coverage docs/sandbox.md

rewrites the part of that file between `<!-- coverage -->` and `<!-- /coverage -->`; without a file it prints it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

from docs import stripe_triggers
from sandbox.api import includable, unsupported
from sandbox.api.operations import HANDLERS
from sandbox.payments import payment_methods
from sandbox.protocol import expansion, spec
from sandbox.protocol.event_types import EMITTED
from sandbox.protocol.spec import Operation

BEGIN, END = "<!-- coverage -->", "<!-- /coverage -->"
COMMAND = "uv run python -m docs.sandbox_coverage docs/sandbox.md"
# Values of parameters that are otherwise imitated.
REFUSED_VALUES: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("POST", "/v1/billing_portal/configurations"): {"login_page[enabled]": "true"},
    ("POST", "/v1/billing_portal/configurations/{id}"): {"login_page[enabled]": "true"},
    ("POST", "/v1/billing_portal/sessions"): {"flow_data[type]": "subscription_pause"},
    ("POST", "/v1/checkout/sessions"): {
        "invoice_creation[invoice_data][issuer][type]": "account",
        "mode": "setup",
        "ui_mode": "elements",
    },
    ("POST", "/v1/invoices"): {"issuer[type]": "account"},
    ("POST", "/v1/invoices/create_preview"): {"preview_mode": "recurring"},
    ("POST", "/v1/invoices/{id}"): {"issuer[type]": "account"},
    ("POST", "/v1/payment_intents/{id}/capture"): {"final_capture": "false"},
    ("POST", "/v1/payment_methods"): {"type": "paypal"},
    ("POST", "/v1/payouts"): {"method": "instant", "source_type": "fpx"},
    ("POST", "/v1/prices"): {
        "billing_scheme": "tiered",
        "currency_options[usd][custom_unit_amount][enabled]": "true",
        "recurring[usage_type]": "metered",
    },
    ("POST", "/v1/prices/{id}"): {"currency_options[usd][custom_unit_amount][enabled]": "true"},
    ("POST", "/v1/products"): {"default_price_data[currency_options][usd][custom_unit_amount][enabled]": "true"},
    ("POST", "/v1/subscription_items"): {"payment_behavior": "pending_if_incomplete"},
    ("POST", "/v1/subscription_items/{id}"): {"off_session": "false", "payment_behavior": "pending_if_incomplete"},
    ("POST", "/v1/subscriptions"): {
        "payment_behavior": "error_if_incomplete",
        "payment_settings[payment_method_types][]": "sepa_debit",
    },
    ("POST", "/v1/subscriptions/{id}"): {
        "off_session": "false",
        "payment_behavior": "pending_if_incomplete",
    },
    ("POST", "/v1/subscriptions/{id}/resume"): {"billing_cycle_anchor": "unchanged"},
    ("POST", "/v1/webhook_endpoints"): {"connect": "true"},
}
USED_FOR = {
    "/v1/account": "libraries and the command line, to see whose key it is",
    "/v1/events/{id}/retry": "`stripe events resend`",
    "/v1/payment_pages/{id}": "`stripe trigger checkout.session.*`",
    "/v1/payment_pages/{id}/confirm": "`stripe trigger checkout.session.*`, which pays with no browser",
    "/v1/stripecli/sessions": "`stripe listen`, `stripe logs tail`",
    "/v1/subscriptions/{id}/resume": "resuming a paused subscription",
}
ORDER = ("GET", "POST", "DELETE")
LEGEND = """\
**In full**: every parameter that Stripe documents is imitated, and checked as Stripe checks it. **In part**: some are
refused, with 400 and the sentence “The sandbox does not imitate the parameter …”. **Not**: answered with 501. Nothing
is dropped silently: a parameter that is neither refused nor listed as without effect is used.

Of a parameter that stands there with a value, such as `mode=setup`, only that value or its like is refused. `*` stands
for every payment method but {}."""


def written() -> str:
    """All of it, as Markdown."""
    legend = LEGEND.format(", ".join(f"`{kind}`" for kind in payment_methods.IMITATED))
    parts = (legend, _glance(), _resources(), _undocumented(), _expansion(), _events(), _triggers(), _nothing_at_all())
    return "\n\n".join(parts)


def _glance() -> str:
    rows = []
    for resource, operations in _by_resource().items():
        sorted_out = {how: [o for o in operations if _covered(o) == how] for how in ("in full", "in part", "not")}
        link = f"[{resource}](#{resource.lower().replace(' ', '-')})"
        named = (", ".join(_request(o) for o in sorted_out[how]) for how in ("in part", "not"))
        rows.append((link, f"{len(sorted_out['in full'])} of {len(operations)}", *named))
    return "### At a glance\n\n" + _table(("", "requests covered in full", "in part", "not"), rows)


def _covered(operation: Operation) -> str:
    key = (operation.method, operation.path)
    if key not in HANDLERS:
        return "not"
    return "in part" if key in unsupported.REFUSED or key in REFUSED_VALUES else "in full"


def _by_resource() -> dict[str, list[Operation]]:
    published = [o for o in spec.every() if o.path not in spec.UNPUBLISHED]
    ordered = sorted(published, key=lambda o: (_resource(o.path), o.path, ORDER.index(o.method)))
    return {name: list(found) for name, found in groupby(ordered, key=lambda o: _resource(o.path))}


def _resource(path: str) -> str:
    first, *rest = path.split("/")[2:]
    match first:
        case "radar" | "test_helpers":
            words = rest[0]
        case "billing_portal" | "checkout":
            words = f"{first} {rest[0]}"
        case "invoiceitems":
            words = "invoice items"
        case _:
            words = first
    return words.replace("_", " ").capitalize()


def _resources() -> str:
    return "\n\n".join(f"### {resource}\n\n{_operations(found)}" for resource, found in _by_resource().items())


def _operations(operations: Iterable[Operation]) -> str:
    rows = []
    for operation in operations:
        key = (operation.method, operation.path)
        rows.append(
            (_request(operation), _covered(operation), _refused(key), _names(unsupported.WITHOUT_EFFECT.get(key)))
        )
    return _table(("request", "covered", "refused", "without effect"), rows)


def _refused(key: tuple[str, str]) -> str:
    values = [f"`{name}={value}`" for name, value in REFUSED_VALUES.get(key, {}).items()]
    return "<br>".join(filter(None, (_names(unsupported.REFUSED.get(key)), ", ".join(values))))


def _names(names: Iterable[str] | None) -> str:
    """The names in order, those inside of the same parameter together."""

    def owner(name: str) -> str:
        return name.rpartition("[")[0]

    lines = []
    for within, found in groupby(sorted(names or (), key=lambda name: (owner(name), name)), key=owner):
        inside = ", ".join(f"`{name.removeprefix(within).strip('[]')}`" for name in found)
        lines.append(f"in `{within}`: {inside}" if within else inside)
    return "<br>".join(lines)


def _undocumented() -> str:
    keys = sorted((path, method.upper()) for path, methods in spec.UNPUBLISHED.items() for method in methods)
    rows = [
        (
            f"`{method} {path}`",
            USED_FOR[path],
            _refused((method, path)),
            _names(unsupported.WITHOUT_EFFECT.get((method, path))),
        )
        for path, method in keys
    ]
    head = ("request", "used by", "refused", "without effect")
    return "### Requests that Stripe does not document\n\n" + _table(head, rows)


def _expansion() -> str:
    rows = [
        (f"`{property}`", f"`{kind}`", "never" if make is includable.never_there else "yes")
        for (kind, property), make in sorted(includable.INCLUDABLE.items())
    ]
    return (
        f"### Expansion\n\nEvery expandable property is expanded, {expansion.DEPTH} levels deep, where the object it "
        "names is imitated. These are only there when they are asked for:\n\n"
        + _table(("property", "of", "there"), rows)
    )


def _events() -> str:
    lines = [
        f"- {', '.join(f'`{kind}`' for kind in found)}"
        for _, found in groupby(sorted(EMITTED, key=_subject), key=lambda kind: _subject(kind)[0])
    ]
    return f"### Types of events\n\nThese {len(EMITTED)} happen, and no others:\n\n" + "\n".join(lines)


def _subject(kind: str) -> tuple[str, str]:
    return kind.rpartition(".")[0], kind


def _triggers() -> str:
    caused = ", ".join(f"`{name}`" for name in sorted({*stripe_triggers.CAUSED, *stripe_triggers.ALIASES}))
    not_caused = ", ".join(f"`{name}`" for name in sorted(stripe_triggers.NOT_CAUSED))
    return f"### Triggers of the command line\n\n`stripe trigger` causes {caused}.\n\nIt does not cause {not_caused}."


def _nothing_at_all() -> str:
    stubbed = ", ".join(f"`{name}`" for name in spec.document()["info"]["x-stubbed"] if not name.startswith("deleted_"))
    return (
        "### What is not there at all\n\n"
        f"Objects that others may name, but that are never made: {stubbed}. Nothing of Connect, Issuing, Identity, "
        "Terminal, Treasury, quotes, payment links, registrations and calculations of tax, subscription "
        "schedules or the second version of the API."
    )


def _request(operation: Operation) -> str:
    return f"`{operation.method} {operation.path}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def inserted(text: str) -> str:
    """A document with the tables between its marks. Raises ValueError for one that has no marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"There is no {BEGIN} … {END} to put the tables between.")
    return f"{before}{BEGIN}\n\n{written()}\n\n{END}{after}"


def main(arguments: list[str]) -> None:
    """Print the tables, or put them into the file that is named."""
    if not arguments:
        sys.stdout.write(f"{written()}\n")
        return
    document = Path(arguments[0])
    document.write_text(inserted(document.read_text()))


if __name__ == "__main__":
    main(sys.argv[1:])
