"""Extraction: every sentence that is in the code and its templates, as a catalogue to be translated."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import write_po

from core.languages import catalogs

# One, or those for one thing and for several.
Sentence = str | tuple[str, ...]

_ROOT = Path(__file__).parents[2]
# Where buyers are spoken to. The back office is in English.
_FOLDERS = ("core", "storefront", "webhook")
_KEYWORDS = {"_": None, "marked": None, "ngettext": (1, 2)}


@dataclass(frozen=True)
class Gaps:
    """What a language lacks: sentences that have no translation, and translations that do not fit their sentence, with why."""

    missing: tuple[str, ...]
    unfit: tuple[tuple[str, str], ...]


def template() -> Catalog:
    """All sentences, without translations, each with where it stands."""
    found = Catalog(project="Pushcart", charset="utf-8", fuzzy=False)
    for path, line, message in _sentences():
        found.add(message, None, [(path, line)])
    return found


def written(language: str, behind: Sequence[Path]) -> bytes:
    """A file with all sentences, and with what these catalogues say of them, the first before the later ones."""
    found = Catalog(locale=language or None, project="Pushcart", charset="utf-8", fuzzy=False)
    known = [catalogs.read(path) for path in behind]
    for message in template():
        if message.id:
            said = next(filter(None, (_said(catalog, message) for catalog in known)), None)
            found.add(message.id, said.string if said else None, message.locations)
    with BytesIO() as file:
        write_po(file, found, width=120)
        return file.getvalue()


def gaps(*behind: Catalog) -> Gaps:
    """What these catalogues of one language, the first before the later ones, lack of all sentences."""
    missing, unfit = [], []
    for message in template():
        if not message.id:
            continue
        found = [said for catalog in behind if (said := _said(catalog, message))]
        unfit += [(_key(message.id), why) for said in found if (why := catalogs.mistake(said))]
        if not found:
            missing.append(_key(message.id))
    return Gaps(tuple(missing), tuple(unfit))


def _said(catalog: Catalog, message: Message) -> Message | None:
    """The translation of a sentence, if there is a whole one."""
    said = catalog.get(_key(message.id))
    whole = said is not None and not said.fuzzy and all(catalogs.forms(said.string))
    return said if said and whole and bool(said.pluralizable) is bool(message.pluralizable) else None


def _key(sentence: object) -> str:
    return catalogs.forms(sentence)[0]


def _sentences() -> Iterator[tuple[str, int, Sentence]]:
    for folder in _FOLDERS:
        for path in sorted((_ROOT / folder).rglob("*")):
            find = _FINDERS.get(path.suffix)
            for line, sentence in find(path) if find else ():
                yield path.relative_to(_ROOT).as_posix(), line, sentence


def _in_code(path: Path) -> Iterator[tuple[int, Sentence]]:
    """Read from the syntax tree, since Babel overlooks calls within f-strings before Python 3.12."""
    text = path.read_text(encoding="utf-8")
    if "core.languages" not in text:
        return
    calls = [
        node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        if isinstance(call.func, ast.Name) and call.func.id in _KEYWORDS:
            many = len(_KEYWORDS[call.func.id] or (1,))
            said = [each.value for each in call.args[:many] if isinstance(each, ast.Constant)]
            if len(said) == many:
                yield call.lineno, tuple(map(str, said)) if many > 1 else str(said[0])


def _in_template(path: Path) -> Iterator[tuple[int, Sentence]]:
    for line, sentence, _comments, _context in extract_from_file("jinja2.ext:babel_extract", path, keywords=_KEYWORDS):
        yield line, sentence


_FINDERS = {".py": _in_code, ".j2": _in_template}
