"""What `pushcart languages` does: a file with all sentences for whoever translates, and what a translation lacks."""

from pathlib import Path
from typing import Annotated

import typer

from core.command_line import answers
from core.command_line.answers import Json, fail, refuse, say
from core.foundation import settings
from core.languages import catalogs, extraction

language_commands = typer.Typer(
    no_args_is_help=True, help="The languages that buyers are spoken to in, and adding one of your own."
)


@language_commands.command("template")
def template(
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False)],
    language: Annotated[str, typer.Option(help="Keep what is translated into this language by now, such as de.")] = "",
    as_json: Json = False,
) -> None:
    """Write all sentences to FILE, to be translated: as a .po file it goes into LANGUAGES_DIR under the language's name."""
    folder = settings.read().languages_folder
    if language and not catalogs.is_language(language):
        refuse(f"{language!r} is no language. It is called as browsers call it, such as fr or pt_BR.")
    if not file.absolute().parent.is_dir():
        fail(f"There is no folder {file.absolute().parent} to put it into.")
    written = extraction.written(language, catalogs.files(folder).get(language, []))
    file.write_bytes(written)
    count = sum(1 for each in extraction.template() if each.id)
    say({"file": str(file), "sentences": count}, f"{file}: {answers.count(count, 'sentence')}.", as_json)


@language_commands.command("check")
def check(
    language: Annotated[str, typer.Argument(metavar="[LANGUAGE]", help="This one alone.")] = "", as_json: Json = False
) -> None:
    """Name what each language lacks: sentences that are said in English, and translations that cannot be used."""
    known = {name: paths for name, paths in catalogs.files(settings.read().languages_folder).items() if paths}
    if language and language not in known:
        fail(f"There is no catalogue {language}.po. There are {', '.join(sorted(known))}.")
    found = {
        name: extraction.gaps(*map(catalogs.read, paths)) for name, paths in known.items() if language in ("", name)
    }
    lines = []
    for name, gaps in sorted(found.items()):
        missing = answers.count(len(gaps.missing), "sentence is", "sentences are")
        lines.append(f"{name}: {missing} missing, {len(gaps.unfit)} cannot be used.")
        lines += [f"  missing: {sentence}" for sentence in gaps.missing]
        lines += [f"  cannot be used, {why}: {sentence}" for sentence, why in gaps.unfit]
    say(
        {
            name: {"missing": gaps.missing, "unfit": [{"sentence": said, "why": why} for said, why in gaps.unfit]}
            for name, gaps in found.items()
        },
        "\n".join(lines),
        as_json,
    )
