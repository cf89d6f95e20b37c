"""The arrows of the design, read from the source: who may import whom, which room which, and one door per library."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("core", "storefront", "webhook", "worker", "sandbox")
# The composition root mounts the sidecar and may run the worker; nobody else reaches over the fence.
ROOT_OF_COMPOSITION = "storefront/app.py"
OURS = {
    "core": {"core"},
    "storefront": {"core", "storefront"},
    "webhook": {"core", "webhook"},
    "worker": {"core", "worker"},
    "sandbox": {"sandbox"},
}
DOORS = {
    "streamlit": {"storefront"},
    "fastapi": {"webhook", "sandbox"},
    # The sidecar only warms it up, and never calls it.
    "stripe": {"core/stripe_api.py", "webhook/app.py", "sandbox"},
    "dbos": {"core/outbox.py", "core/migration.py", "worker"},
    # The sidecar asks its database for `1`, to know that it is there.
    "sqlalchemy": {"core", "webhook/health.py"},
    "sqlmodel": {"core"},
    "obstore": {"core/storage.py", "webhook/downloads.py"},
    "itsdangerous": {"core/signing.py"},
}
# Which rooms the modules of a room may import, beside their own. Each room stands below those that it may import, so that
# arrows only go down. What only a type checker reads counts as well: a room must not even know the name of one above it.
# A folder with any room here has all of its rooms here; a module that stands by itself is a room without the `.py`.
ROOMS: dict[str, set[str]] = {
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
MOST_MODULES = 16


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in it, but for what only a type checker reads."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_folder_imports_only_those_it_may(folder: str) -> None:
    reaching = {
        f"{name_of(path)} imports {module}"
        for path in sources(folder)
        for module in imported(path)
        if module.partition(".")[0] in FOLDERS
        and module.partition(".")[0] not in OURS[folder]
        and name_of(path) != ROOT_OF_COMPOSITION
    }
    assert reaching == set()


def test_the_composition_root_imports_what_it_composes() -> None:
    modules = {module for module in imported(ROOT / ROOT_OF_COMPOSITION) if module.partition(".")[0] in FOLDERS}
    assert {module for module in modules if not module.startswith(("core", "storefront"))} == {
        "webhook.app",
        "worker.app",
    }


@pytest.mark.parametrize("library", DOORS)
def test_each_library_has_its_door(library: str) -> None:
    elsewhere = {
        name_of(path)
        for folder in FOLDERS
        for path in sources(folder)
        if library in {module.partition(".")[0] for module in imported(path)}
        and not any(name_of(path) == door or name_of(path).startswith(f"{door}/") for door in DOORS[library])
    }
    assert elsewhere == set()


def test_nobody_imports_the_tests() -> None:
    for folder in FOLDERS:
        for path in sources(folder):
            assert not any(module.partition(".")[0] == "tests" for module in imported(path)), path


# Facts about an order take what admission found: nobody else may say that an object is an order's.
ADMITS = {
    "AdmittedSession": {"core/admission.py"},
    # Where a payment or a refund is the answer to our own request, or a Session was admitted just now.
    "AdmittedOrder": {"core/admission.py", "core/ownership.py", "core/refunds.py"},
}


@pytest.mark.parametrize("word", ADMITS)
def test_nobody_but_admission_says_that_an_object_is_an_orders(word: str) -> None:
    made = {name_of(path) for folder in FOLDERS for path in sources(folder) if word in called(path)}
    assert made == ADMITS[word]


def called(path: Path) -> set[str]:
    """The plain names that a file calls."""
    calls = (node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    return {function.id for function in calls if isinstance(function, ast.Name)}


# Who records what Stripe says of an order: all of them by way of what admission gave them.
RECORDS = {
    "payments.record": {"core/fulfillment.py"},
    "refund_facts.record": {"core/billing.py", "core/handlers.py", "core/refunds.py"},
    "disputes.record": {"core/handlers.py"},
    "disputes.record_warning": {"core/handlers.py"},
    "balance.assign": {"core/balance_questions.py"},
    "subscriptions.record": {"core/billing.py"},
    "subscriptions.record_invoice": {"core/handlers.py"},
}


def test_facts_of_stripe_are_recorded_where_they_were_admitted_and_nowhere_else() -> None:
    found: dict[str, set[str]] = {each: set() for each in RECORDS}
    for path in (each for folder in FOLDERS for each in sources(folder)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in found:
                found[ast.unparse(node.func)].add(name_of(path))
    assert found == RECORDS
    for path in set().union(*RECORDS.values()):
        named = {f"core.{alias.name}" for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
                 if isinstance(node, ast.ImportFrom) and node.module == "core" for alias in node.names}  # fmt: skip
        assert "core.admission" in {*imported(ROOT / path), *named}, f"{path} records, and asks nobody to admit"


def in_rooms() -> list[Path]:
    """The modules of all folders that have rooms."""
    return [path for folder in sorted({room.partition("/")[0] for room in ROOMS}) for path in sources(folder)]


def room_of(path: Path) -> str:
    alone = name_of(path).removesuffix(".py")
    return alone if alone in ROOMS else name_of(path.parent)


def modules_of(room: str) -> list[Path]:
    return [path for path in in_rooms() if room_of(path) == room and path.name != "__init__.py"]


def reached(source: str, *, typing: bool = True) -> Iterator[Path]:
    """The files of ours that a source imports, wherever in it; with or without what only a type checker reads."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if not typing and isinstance(node, ast.If) and isinstance(node.test, ast.Name):
            node.body = [] if node.test.id == "TYPE_CHECKING" else node.body
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (found for alias in node.names if (found := file_of(alias.name)))
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = (file_of(f"{node.module}.{alias.name}") or file_of(node.module) for alias in node.names)
            yield from (found for found in inner if found)


def file_of(module: str) -> Path | None:
    """The file of a module or package of ours."""
    path = ROOT / module.replace(".", "/")
    named = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in named if file.is_file()), None) if module.partition(".")[0] in FOLDERS else None


def rooms_reached(source: str) -> set[str]:
    return {room_of(path) for path in reached(source)}


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_imports_only_those_below_it(room: str) -> None:
    folder = room.partition("/")[0]
    upward = {
        f"{name_of(path)} imports from {other}"
        for path in modules_of(room)
        for other in rooms_reached(path.read_text(encoding="utf-8")) - {room} - ROOMS[room]
        if other.partition("/")[0] == folder
    }
    assert upward == set()


@pytest.mark.parametrize(
    "source",
    [
        "from sandbox.panel import rows",
        "import sandbox.panel.rows",
        "from sandbox import panel",
        "def act():\n    from sandbox.panel.rows import Row",
        "if TYPE_CHECKING:\n    from sandbox.panel.rows import Row",
    ],
)
def test_an_import_is_seen_wherever_it_stands(source: str) -> None:
    assert rooms_reached(source) == {"sandbox/panel"}


def test_the_table_has_every_room_and_no_other() -> None:
    assert {room_of(path) for path in in_rooms() if path.name != "__init__.py"} == set(ROOMS)


def test_arrows_between_rooms_only_go_down() -> None:
    below: set[str] = set()
    for room, imports in ROOMS.items():
        assert imports <= below, f"{room} may import {sorted(imports - below)}, which do not stand below it"
        below.add(room)


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = [path for path in in_rooms() if path.name != "__init__.py"]
    graph = {path: set(reached(path.read_text(encoding="utf-8"), typing=False)) - {path} for path in modules}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(f"They import each other: {' <- '.join(name_of(path) for path in circle.args[1])}")


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_outgrows_what_a_listing_can_tell(room: str) -> None:
    modules = modules_of(room)
    assert len(modules) <= MOST_MODULES, (
        f"{room}/ has {len(modules)} modules, and more than {MOST_MODULES} in a room nobody overlooks: part it in two"
    )


@pytest.mark.parametrize("room", [room for room in ROOMS if (ROOT / room).is_dir()])
def test_each_room_says_what_lives_there_and_exports_nothing(room: str) -> None:
    tree = ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1
