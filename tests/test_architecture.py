"""The arrows of the design, read from the source: which room may import which, and one door per library."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("core", "storefront", "webhook", "worker", "sandbox")
DOORS = {
    "streamlit": {"storefront"},
    "fastapi": {"webhook", "sandbox"},
    # The sidecar only warms it up, and never calls it.
    "stripe": {"core/gateway", "webhook/app.py", "sandbox"},
    "dbos": {"core/foundation/jobs/outbox.py", "core/foundation/migration.py", "worker"},
    "sqlalchemy": {"core"},
    "sqlmodel": {"core"},
    "obstore": {"core/foundation/storage.py", "webhook/downloads.py"},
    "itsdangerous": {"core/foundation/signing.py"},
    "cryptography": {"core/foundation/signing.py", "core/licensing/signing_keys.py"},
    "pyotp": {"core/people/second_factor.py"},
    "segno": {"storefront/sign_in", "webhook/attendance"},
    "icalendar": {"core/messages/calendar_entries.py"},
    "prometheus_client": {"core/foundation/telemetry/counters.py", "webhook/metrics.py"},
    "sentry_sdk": {"core/foundation/telemetry/sentry.py"},
    "opentelemetry": {"core/foundation/telemetry/spans.py"},
}
# Which rooms the modules of a room may import, beside their own. Each room stands below those that may import it, so that
# arrows only go down. What only a type checker reads counts as well: a room must not even know the name of one above it.
# Every room stands here; a module that stands by itself is a room without the `.py`.
ROOMS: dict[str, set[str]] = {
    # The sentences that buyers read, in their languages.
    "core/languages": set(),
    # What PostgreSQL is spoken to by, and what is taken for a server's address.
    "core/connections": set(),
    "core/foundation": {"core/connections"},
    "core/gateway": {"core/foundation"},
    "core/shop": {"core/foundation", "core/gateway"},
    # Who comes, behind which proxies, and how often.
    "core/traffic": {"core/foundation", "core/shop"},
    # What is told to the seller's own programs. Facts may announce, so that it stands below them.
    "core/outgoing": {"core/foundation", "core/shop"},
    "core/catalog": {"core/foundation"},
    # Facts: they take a database session, and never the shop.
    "core/orders": {"core/foundation", "core/gateway", "core/catalog"},
    "core/mailboxes": {"core/foundation", "core/shop", "core/orders"},
    "core/kinds": {"core/foundation", "core/catalog", "core/orders"},
    "core/announcements": {"core/foundation", "core/outgoing", "core/catalog", "core/orders", "core/kinds"},
    "core/seating": {"core/foundation", "core/outgoing", "core/catalog", "core/orders", "core/kinds", "core/announcements"},
    # The whole of it in one file, whatever it means.
    "core/backup": {"core/foundation", "core/shop", "core/orders", "core/kinds"},
    "core/people": {
        "core/mailboxes", "core/traffic",
        "core/outgoing",
        "core/foundation", "core/shop", "core/catalog", "core/orders", "core/kinds", "core/announcements",
        "core/seating",
    },
    # What the seller's programs ask of people, and what owners do about those programs' addresses.
    "core/integrations": {
        "core/outgoing",
        "core/foundation", "core/shop", "core/catalog", "core/orders", "core/kinds", "core/announcements",
        "core/people",
    },
    "core/seats": {
        "core/traffic",
        "core/foundation", "core/shop", "core/outgoing", "core/catalog", "core/orders", "core/kinds", "core/announcements",
        "core/people", "core/seating",
    },
    # What a seller's software asks, and what is done about licences.
    "core/licensing": {
        "core/connections", "core/traffic",
        "core/foundation", "core/shop", "core/catalog", "core/orders", "core/kinds", "core/announcements", "core/people",
    },
    # What buyers agreed to, and what they withdraw from: it moves no money.
    "core/rights": {
        "core/traffic",
        "core/foundation", "core/shop", "core/catalog", "core/orders", "core/kinds", "core/people", "core/licensing",
    },
    # What was written about payments, and about whom: it moves no money, and settles no order.
    "core/invoicing": {
        "core/foundation", "core/gateway", "core/shop", "core/catalog", "core/orders", "core/kinds", "core/people",
    },
    "core/admission": {"core/foundation", "core/gateway", "core/orders"},
    "core/owed_jobs": {"core/foundation", "core/orders", "core/kinds"},
    "core/fulfillment": {
        "core/foundation", "core/gateway", "core/catalog", "core/orders", "core/kinds", "core/people",
        "core/admission", "core/owed_jobs", "core/announcements", "core/seating",
    },
    "core/journeys": {
        "core/connections", "core/traffic",
        "core/foundation", "core/rights", "core/gateway", "core/shop", "core/catalog", "core/orders", "core/kinds",
        "core/people", "core/invoicing",
        "core/admission", "core/fulfillment",
    },
    "core/events": {
        "core/traffic",
        "core/invoicing",
        "core/foundation", "core/gateway", "core/shop", "core/catalog", "core/orders", "core/kinds", "core/people",
        "core/admission", "core/fulfillment", "core/journeys",
    },
    "core/messages": {
        "core/mailboxes",
        "core/foundation", "core/rights", "core/shop", "core/catalog", "core/orders", "core/kinds", "core/people",
        "core/invoicing", "core/seats",
    },
    # What becomes of places in workshops once they are bought, and of those who wait for one.
    "core/attendance": {
        "core/fulfillment",
        "core/traffic",
        "core/foundation", "core/shop", "core/catalog", "core/orders", "core/kinds", "core/people", "core/journeys",
        "core/messages",
    },
    # Owners see and decide; what follows for an order is a journey's or an event's to say.
    "core/owner": {
        "core/connections",
        "core/mailboxes", "core/traffic",
        "core/foundation", "core/rights", "core/gateway", "core/shop", "core/catalog", "core/orders", "core/kinds",
        "core/licensing", "core/invoicing", "core/outgoing", "core/attendance",
        "core/people", "core/journeys", "core/events", "core/messages",
    },
    # Letters as a whole: whom each goes to, what it says and how it reads.
    "core/correspondence": {
        "core/mailboxes", "core/outgoing",
        "core/foundation", "core/rights", "core/shop", "core/catalog", "core/orders", "core/kinds", "core/people",
        "core/journeys", "core/messages", "core/owner", "core/invoicing", "core/attendance",
    },
    "core/privacy": {
        "core/mailboxes", "core/traffic",
        "core/foundation", "core/rights", "core/gateway", "core/shop", "core/catalog", "core/orders", "core/kinds",
        "core/licensing", "core/journeys", "core/people", "core/events", "core/messages", "core/owner", "core/invoicing",
        "core/outgoing", "core/seating",
    },
    "core/registers": {
        "core/seating",
        "core/foundation", "core/rights", "core/shop", "core/catalog", "core/orders", "core/kinds", "core/licensing",
        "core/people", "core/invoicing", "core/outgoing", "core/attendance",
        "core/journeys", "core/events", "core/messages", "core/owner", "core/correspondence", "core/privacy",
    },
    "core/rehearsal": {
        "core/foundation", "core/gateway", "core/shop", "core/catalog", "core/orders", "core/kinds", "core/journeys",
        "core/events", "core/messages", "core/owner",
    },
    "core/opening": {
        "core/connections",
        "core/foundation", "core/gateway", "core/shop", "core/outgoing", "core/catalog", "core/owner",
    },
    # What is typed into a terminal.
    "core/command_line": {
        "core/foundation", "core/rights", "core/shop", "core/opening", "core/catalog", "core/orders", "core/kinds",
        "core/licensing", "core/invoicing", "core/people", "core/journeys", "core/events", "core/owner", "core/privacy",
        "core/outgoing", "core/integrations", "core/registers", "core/backup",
        "core/rehearsal",
    },
    "core/cli": {"core/foundation", "core/opening", "core/command_line"},
    # What knows every table.
    "core": {
        "core/mailboxes", "core/traffic",
        "core/foundation", "core/rights", "core/gateway", "core/shop", "core/catalog", "core/orders", "core/kinds",
        "core/licensing", "core/invoicing",
        "core/people",
        "core/admission", "core/fulfillment", "core/journeys", "core/events", "core/messages", "core/owner", "core/privacy",
        "core/outgoing",
    },
    # From here on nobody admits, fulfils or calls Stripe: that is asked of core's journeys and events.
    "webhook/requests": {
        "core/traffic", "core/catalog",
        "core/foundation", "core/shop", "core/licensing", "core/people",
    },
    "webhook/attendance": {
        "core/connections",
        "core/foundation", "core/traffic", "core/shop", "core/people", "core/messages", "core/attendance", "webhook/requests",
    },
    "webhook/buyers": {
        "core/connections", "core/traffic",
        "core/foundation", "core/rights", "core/shop", "core/catalog", "core/people", "core/journeys", "core/privacy",
        "core/invoicing", "core/kinds", "webhook/requests",
    },
    "webhook": {
        "core/mailboxes", "core/connections", "core/traffic",
        "webhook/requests", "webhook/buyers",
        "core/foundation", "core/rights", "core/shop", "core/catalog", "core/orders", "core/kinds", "core/licensing",
        "core/people", "core/journeys", "core/events", "core/messages", "core/owner", "core/opening", "core/privacy",
        "core/invoicing", "core/integrations", "core/seats", "webhook/attendance",
    },
    "worker": {
        "core/mailboxes", "core/connections", "core/traffic",
        "core/foundation", "core/rights", "core/shop", "core/catalog", "core/orders", "core/kinds", "core/licensing",
        "core/people", "core/invoicing", "core/attendance",
        "core/journeys", "core/events", "core/messages", "core/owner", "core/opening", "core/correspondence",
        "core/privacy", "core/outgoing", "core/integrations",
    },
    "storefront": {
        "core/traffic",
        "core/foundation", "core/rights", "core/shop", "core/catalog", "core/orders", "core/kinds", "core/licensing",
        "core/invoicing",
        "core/people", "core/journeys",
        "core/owner", "core/opening",
    },
    "storefront/sign_in": {"core/traffic", "core/foundation", "core/shop", "core/people", "storefront"},
    # What is sold, and what was bought, as people see it.
    "storefront/goods": {
        "core/foundation", "core/catalog", "core/orders", "core/kinds", "core/licensing", "storefront",
    },
    # What buyers may do about their own orders, addresses and data.
    "storefront/library": {
        "core/traffic",
        "core/foundation", "core/kinds", "core/orders", "core/people", "core/journeys", "core/privacy", "storefront",
        "storefront/sign_in",
    },
    # What stands in writing: receipts, invoices, and the seller's texts.
    "storefront/papers": {
        "storefront/library", "core/journeys", "core/kinds",
        "core/foundation", "core/shop", "core/catalog", "core/orders", "core/people", "core/invoicing", "storefront",
        "storefront/goods",
    },
    "storefront/plans": {"core/foundation", "core/catalog", "core/kinds", "core/seats", "core/journeys", "storefront"},
    "storefront/workshops": {
        "core/traffic",
        "core/foundation", "core/kinds", "core/attendance", "core/registers", "storefront",
    },
    # What stands before the payment page.
    "storefront/paying": {
        "core/traffic", "core/foundation", "core/rights", "core/catalog", "core/kinds", "core/journeys", "storefront",
        "storefront/sign_in",
    },
    "storefront/buyer_pages": {
        "core/traffic",
        "storefront/workshops",
        "core/attendance", "core/rights", "core/invoicing",
        "core/foundation", "core/shop", "core/catalog", "core/orders", "core/kinds", "core/licensing",
        "core/people", "core/journeys",
        "storefront", "storefront/sign_in", "storefront/papers", "storefront/library",
        "core/seats", "storefront/plans", "storefront/paying", "storefront/goods",
    },
    # The pieces that the owner's pages share, and those pages.
    "storefront/back_office": {
        "core/foundation", "core/rights", "core/shop", "core/catalog", "core/orders", "core/kinds", "core/licensing",
        "core/people", "core/attendance",
        "core/journeys", "core/messages", "core/owner", "core/registers", "storefront", "storefront/sign_in", "core/correspondence",
    },
    "storefront/product_forms": {
        "core/foundation", "core/shop", "core/catalog", "core/kinds", "core/people", "core/owner", "storefront",
        "storefront/back_office", "storefront/paying", "storefront/goods",
    },
    "storefront/order_desk": {
        "core/foundation", "core/rights", "core/shop", "core/kinds", "core/journeys", "core/people", "core/owner", "storefront",
        "storefront/back_office", "core/seats", "core/catalog",
    },
    "storefront/people": {
        "core/foundation", "core/shop", "core/people", "core/privacy", "core/registers", "storefront", "storefront/sign_in",
        "storefront/back_office", "core/rights",
    },
    "storefront/owner_pages": {
        "core/foundation", "core/rights", "core/shop", "core/catalog", "core/orders", "core/kinds", "core/licensing",
        "core/people", "core/invoicing", "storefront/workshops", "core/attendance",
        "core/journeys", "core/messages", "core/owner", "core/registers", "storefront", "storefront/sign_in",
        "storefront/back_office",
        "storefront/product_forms", "core/correspondence", "storefront/order_desk", "storefront/people",
        "core/outgoing", "core/integrations", "storefront/goods",
    },
    # What Streamlit runs for every page, of buyers and of owners.
    "storefront/pages": {
        "core/foundation", "core/shop", "core/catalog", "core/people", "core/journeys", "storefront", "storefront/sign_in",
        "storefront/back_office",
    },
    "storefront/serving": {
        "core/connections",
        "core/traffic", "core/foundation", "core/people", "core/rights", "core/shop", "core/catalog", "core/kinds",
        "storefront", "storefront/goods",
    },
    # The composition root mounts the sidecar and may run the worker; nobody else reaches over the fence.
    "storefront/app": {
        "core/foundation", "core/shop", "core/catalog", "storefront", "storefront/serving", "storefront/sign_in", "webhook",
        "worker",
    },
    "sandbox/ground": set(),
    "sandbox/protocol": {"sandbox/ground"},
    "sandbox/account": {"sandbox/ground", "sandbox/protocol"},
    "sandbox/catalogue": {"sandbox/ground", "sandbox/protocol", "sandbox/account"},
    "sandbox/balance": {"sandbox/ground", "sandbox/protocol", "sandbox/account"},
    "sandbox/payments": {"sandbox/ground", "sandbox/protocol", "sandbox/account", "sandbox/balance"},
    "sandbox/billing": {
        "sandbox/ground", "sandbox/protocol", "sandbox/account", "sandbox/catalogue", "sandbox/payments",
    },
    "sandbox/customers": {
        "sandbox/ground", "sandbox/protocol", "sandbox/account", "sandbox/catalogue", "sandbox/payments",
        "sandbox/billing",
    },
    "sandbox/checkout": {
        "sandbox/ground", "sandbox/protocol", "sandbox/account", "sandbox/catalogue", "sandbox/payments",
        "sandbox/billing", "sandbox/customers",
    },
    "sandbox/api": {
        "sandbox/ground", "sandbox/protocol", "sandbox/account", "sandbox/catalogue", "sandbox/payments",
        "sandbox/billing", "sandbox/customers", "sandbox/checkout", "sandbox/balance",
    },
    "sandbox/pages": {
        "sandbox/ground", "sandbox/protocol", "sandbox/account", "sandbox/catalogue", "sandbox/payments",
        "sandbox/billing", "sandbox/customers", "sandbox/checkout",
    },
    "sandbox/panel": {
        "sandbox/ground", "sandbox/protocol", "sandbox/account", "sandbox/catalogue", "sandbox/payments",
        "sandbox/billing", "sandbox/customers", "sandbox/checkout", "sandbox/pages", "sandbox/balance",
    },
    # What puts the rooms together, and runs them.
    "sandbox": {
        "sandbox/ground", "sandbox/protocol", "sandbox/account", "sandbox/api", "sandbox/pages", "sandbox/panel",
    },
}  # fmt: skip
# Every room of the shop has sentences, so that this one stands below them all.
for shop_room in ROOMS:
    if not shop_room.startswith("sandbox") and shop_room != "core/languages":
        ROOMS[shop_room].add("core/languages")
MOST_MODULES = 16


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@cache
def every_source() -> list[Path]:
    return [path for folder in FOLDERS for path in sources(folder)]


@cache
def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def parsed(source: str) -> ast.Module:
    return ast.parse(source)


def nodes(node: ast.AST, *, typing: bool) -> Iterator[ast.AST]:
    """All of a tree, with or without what only a type checker reads."""
    yield node
    only_types = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    left_out = node.body if isinstance(node, ast.If) and only_types and not typing else []
    for inner in ast.iter_child_nodes(node):
        if inner not in left_out:
            yield from nodes(inner, typing=typing)


@cache
def imported(path: Path) -> list[str]:
    """The modules that a file imports, wherever in it, but for what only a type checker reads."""
    found: list[str] = []
    for node in nodes(parsed(text(path)), typing=False):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.append(node.module or "")
    return found


@cache
def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_composition_root_imports_what_it_composes() -> None:
    modules = {module for module in imported(ROOT / "storefront/app.py") if module.partition(".")[0] in FOLDERS}
    assert {module for module in modules if not module.startswith(("core", "storefront"))} == {
        "webhook.app",
        "worker.app",
    }


@pytest.mark.parametrize("library", DOORS)
def test_each_library_has_its_door(library: str) -> None:
    elsewhere = {
        name_of(path)
        for path in every_source()
        if library in {module.partition(".")[0] for module in imported(path)}
        and not any(name_of(path) == door or name_of(path).startswith(f"{door}/") for door in DOORS[library])
    }
    assert elsewhere == set()


def test_nobody_imports_the_tests() -> None:
    for path in every_source():
        assert not any(module.partition(".")[0] == "tests" for module in imported(path)), path


@cache
def room_of(path: Path) -> str:
    """The room that a file stands in, however deep."""
    alone = name_of(path).removesuffix(".py")
    parts = path.relative_to(ROOT).parts
    return alone if alone in ROOMS else "/".join(parts[:-1][:2])


def modules_of(room: str) -> list[Path]:
    return [path for path in every_source() if room_of(path) == room and path.name != "__init__.py"]


@cache
def reached(source: str, *, typing: bool = True) -> set[Path]:
    """The files of ours that a source imports, wherever in it; with or without what only a type checker reads."""
    found: set[Path | None] = set()
    for node in nodes(parsed(source), typing=typing):
        if isinstance(node, ast.Import):
            found |= {file_of(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {file_of(f"{node.module}.{alias.name}") or file_of(node.module) for alias in node.names}
    return {path for path in found if path}


@cache
def file_of(module: str) -> Path | None:
    """The file of a module or package of ours."""
    path = ROOT / module.replace(".", "/")
    named = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in named if file.is_file()), None) if module.partition(".")[0] in FOLDERS else None


def rooms_reached(source: str) -> set[str]:
    return {room_of(path) for path in reached(source)}


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_imports_only_those_below_it(room: str) -> None:
    upward = {
        f"{name_of(path)} imports from {other}"
        for path in modules_of(room)
        for other in rooms_reached(text(path)) - {room} - ROOMS[room]
    }
    assert upward == set()


@pytest.mark.parametrize(
    ("source", "room"),
    [
        ("from sandbox.panel import rows", "sandbox/panel"),
        ("import sandbox.panel.rows", "sandbox/panel"),
        ("from sandbox import panel", "sandbox/panel"),
        ("def act():\n    from sandbox.panel.rows import Row", "sandbox/panel"),
        ("if TYPE_CHECKING:\n    from sandbox.panel.rows import Row", "sandbox/panel"),
        ("from core import fulfillment", "core/fulfillment"),
        ("from core.fulfillment import settle", "core/fulfillment"),
        ("from core.catalog.demo import catalogue", "core/catalog"),
        ("from core.opening import open_shop", "core/opening"),
        ("from webhook.app import create_app", "webhook"),
    ],
)
def test_an_import_is_seen_wherever_it_stands(source: str, room: str) -> None:
    assert rooms_reached(source) == {room}


def test_the_table_has_every_room_and_no_other() -> None:
    assert {room_of(path) for path in every_source() if path.name != "__init__.py"} == set(ROOMS)


def test_arrows_between_rooms_only_go_down() -> None:
    below: set[str] = set()
    for room, imports in ROOMS.items():
        assert imports <= below, f"{room} may import {sorted(imports - below)}, which do not stand below it"
        below.add(room)


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = [path for path in every_source() if path.name != "__init__.py"]
    graph = {path: set(reached(text(path), typing=False)) - {path} for path in modules}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(f"They import each other: {' <- '.join(name_of(path) for path in circle.args[1])}")


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_outgrows_what_a_listing_can_tell(room: str) -> None:
    # A folder inside a room is one line of its listing: the migrations, for one, grow without end.
    listed = {path.relative_to(ROOT / room).parts[0] for path in modules_of(room) if (ROOT / room).is_dir()}
    assert len(listed) <= MOST_MODULES, (
        f"{room}/ has {len(listed)} modules, and more than {MOST_MODULES} in a room nobody overlooks: part it in two"
    )


@pytest.mark.parametrize("room", [room for room in ROOMS if (ROOT / room).is_dir()])
def test_each_room_says_what_lives_there_and_exports_nothing(room: str) -> None:
    tree = parsed(text(ROOT / room / "__init__.py"))
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


# Who may say that an object of Stripe's is an order's, and who may record what Stripe says of one. All of them ask admission.
RECORDS = {
    "core.admission.AdmittedSession": {"core/admission.py"},
    # Where a Session was admitted just now.
    "core.orders.orders.AdmittedOrder": {"core/admission.py", "core/journeys/ownership.py"},
    "core.fulfillment.receive": {"core/journeys/ownership.py"},
    "core.fulfillment.record_payment": {"core/events/handlers.py", "core/fulfillment.py"},
    "core.fulfillment.record_credit_note": {"core/events/handlers.py"},
    "core.fulfillment.record_session": {
        "core/events/application.py", "core/fulfillment.py", "core/journeys/checkout_sessions/answers.py",
    },
    "core.fulfillment.list_lines": {"core/journeys/payment_contents.py"},
    "core.orders.payments.record": {"core/fulfillment.py"},
    "core.fulfillment.apply": {
        "core/events/reconciliation.py", "core/journeys/checkout_sessions/stand_in.py", "core/journeys/ownership.py",
    },
    "core.orders.balance.entries.record": {"core/events/balance_questions.py"},
    "core.orders.balance.entries.assign": {"core/events/balance_questions.py"},
    "core.orders.balance.payouts.record": {"core/events/balance_questions.py", "core/events/handlers.py"},
    "core.orders.checkouts.record": {"core/fulfillment.py"},
    "core.orders.refunds.record": {"core/events/handlers.py", "core/events/questions.py", "core/journeys/refund.py"},
    "core.orders.disputes.record": {"core/events/handlers.py", "core/events/questions.py"},
    "core.orders.disputes.record_warning": {"core/events/handlers.py"},
    "core.orders.subscriptions.record": {"core/journeys/billing/plans.py"},
}  # fmt: skip


def named(path: Path) -> dict[str, str]:
    """What the names of a file stand for that it imports or defines, as dotted names."""
    tree = parsed(text(path))
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    own = (ast.FunctionDef, ast.ClassDef)
    found = {node.name: f"{module}.{node.name}" for node in tree.body if isinstance(node, own)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.asname or alias.name: alias.name for alias in node.names}
    return found


@cache
def used(path: Path) -> set[str]:
    """The dotted names that a file calls, or hands to somebody who may call them."""
    names = named(path)
    tree = parsed(text(path))
    annotations = {
        id(inner)
        for node in ast.walk(tree)
        for outer in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if outer
        for inner in ast.walk(outer)
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in annotations:
            first, _, rest = ast.unparse(node).partition(".")
            found.add(f"{names.get(first, first)}.{rest}" if rest else names.get(first, first))
    return found


@pytest.mark.parametrize("name", RECORDS)
def test_facts_of_stripe_are_recorded_where_they_were_admitted_and_nowhere_else(name: str) -> None:
    users = {name_of(path) for path in every_source() if name in used(path)}
    assert users == RECORDS[name]
    for user in users - {"core/admission.py"}:
        assert ROOT / "core/admission.py" in reached(text(ROOT / user)), f"{user} asks nobody"


def test_no_way_to_record_a_fact_of_an_order_is_left_out() -> None:
    recording = {
        dotted
        for path in [*sources("core/orders"), ROOT / "core/fulfillment.py"]
        for name, dotted in named(path).items()
        if name.startswith("record") and dotted.startswith(".".join(path.relative_to(ROOT).with_suffix("").parts))
    }
    assert recording == {name for name in RECORDS if name.rpartition(".")[2].startswith("record")}
