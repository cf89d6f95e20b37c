"""The arrows of the design, read from the source: who may import whom, and one door per library."""

import ast
from collections.abc import Iterator
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
    "stripe": {"core/stripe_api.py", "core/signature.py", "webhook/app.py", "sandbox"},
    "dbos": {"core/outbox.py", "core/migration.py", "worker"},
    # The sidecar asks its database for `1`, to know that it is there.
    "sqlalchemy": {"core", "webhook/health.py"},
    "sqlmodel": {"core"},
    "obstore": {"core/storage.py", "webhook/downloads.py"},
    "itsdangerous": {"core/signing.py"},
}


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
    "refund_facts.record": {"core/questions.py", "core/handlers.py", "core/refunds.py"},
    "disputes.record": {"core/handlers.py"},
    "disputes.record_warning": {"core/handlers.py"},
    "subscriptions.record": {"core/questions.py"},
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
