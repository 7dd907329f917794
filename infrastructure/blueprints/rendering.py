"""Making a project from a blueprint."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import yaml

from infrastructure import programs
from infrastructure.blueprints.catalogue import find
from infrastructure.blueprints.names import ProjectName
from infrastructure.disk import DiskFull, says_full
from shared.errors import BadInput

LONGEST_DESCRIPTION = 2000
UNSAFE = ("_tasks", "_migrations", "_jinja_extensions")
"""What Copier calls unsafe: it would run the blueprint's code on this machine."""
TIMEOUT_S = 60
_PROGRAM = Path(__file__).resolve().with_name("template.py")

_KEPT_CONTROLS = {"\n"}
_DIRECTION_OVERRIDES = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


class BadBlueprint(BadInput):
    """The blueprint cannot be used."""

    code = "bad_blueprint"
    advice = "Run `telewright blueprint check` on its directory."


@dataclass(frozen=True, slots=True)
class Answers:
    """What a blueprint is told about the project to make."""

    project_name: ProjectName
    description: str = ""
    """Any text; a project says it of itself."""


async def render(blueprint_name: str, answers: Answers, target: Path) -> None:
    """Make a project from one of Telewright's blueprints.

    The same answers give the same files, byte for byte.

    Args:
        blueprint_name: One of the catalogue's.
        answers: What the blueprint is told.
        target: An empty or missing directory that becomes the project.

    Raises:
        UnknownBlueprint: There is none of that name.
        BadBlueprint: It does not render.
        BadInput: The target is not empty.
    """
    await render_directory(find(blueprint_name).directory, answers, target)


async def render_directory(blueprint: Path, answers: Answers, target: Path) -> None:
    """Make a project from the blueprint in a directory, whoever wrote it.

    Raises:
        BadBlueprint: It is unsafe or does not render; one line per reason.
        DiskFull: The project does not fit.
        BadInput: The target is not empty.
    """
    if faults := await asyncio.to_thread(faults_of, blueprint):
        raise BadBlueprint("\n".join(faults))
    await asyncio.to_thread(require_empty, target)
    with tempfile.TemporaryDirectory(prefix="telewright-blueprint-") as scratch:
        copy = Path(scratch) / "blueprint"
        # A copy without `.git`: Copier would render a repository's newest tag,
        # and what is rendered is to be what stands in the directory.
        await asyncio.to_thread(shutil.copytree, blueprint, copy, ignore=shutil.ignore_patterns(".git"))
        await _render(copy, answers, target)


def require_empty(target: Path) -> None:
    """Refuse a directory that has something in it.

    Raises:
        BadInput: It has.
    """
    if target.is_dir() and any(target.iterdir()):
        raise BadInput(f"{target.name} is not empty")


def faults_of(blueprint: Path) -> list[str]:
    """Return why a directory is no blueprint, or none that Telewright would render."""
    file = blueprint / "copier.yml"
    if not file.is_file():
        return ["copier.yml is missing"]
    faults = [
        f"{path.relative_to(blueprint)} is a symbolic link: a blueprint holds plain files"
        for path in _everything(blueprint)
        if path.is_symlink()
    ]
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        # Copier's own `!include` is refused here too: it may name files anywhere.
        return [*faults, f"copier.yml is not plain YAML: {' '.join(str(error).split())}"]
    if not isinstance(content, dict):
        return [*faults, "copier.yml must be a mapping of settings and questions"]
    faults += [
        f"copier.yml: {key} is unsafe: it would run the blueprint's code on this machine"
        for key in UNSAFE
        if content.get(key)
    ]
    faults += [
        f"copier.yml: the question {name} has no default, and Telewright answers only project_name and description"
        for name, question in content.items()
        if isinstance(name, str)
        and not name.startswith("_")
        and name not in {"project_name", "description"}
        and not (isinstance(question, dict) and "default" in question)
    ]
    return faults


async def _render(blueprint: Path, answers: Answers, target: Path) -> None:
    work = {
        "blueprint": str(blueprint),
        "target": str(Path.cwd() / target),
        "answers": {"project_name": answers.project_name}
        # Without a description the blueprint's own default is taken.
        | ({"description": text} if (text := clean(answers.description)) else {}),
    }
    ended = await programs.run(
        # As a file, since it needs nothing of this package, whose imports take a third of its time.
        [sys.executable, "-I", "-B", "-X", "utf8", str(_PROGRAM)],
        environment={
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
        },
        directory=blueprint,
        content=json.dumps(work).encode(),
        timeout_s=TIMEOUT_S,
    )
    if ended.exit_code != 0:
        reason = ended.output.decode(errors="replace").strip() or ended.complaint
        trouble = DiskFull if says_full(reason) else BadBlueprint
        raise trouble(f"The blueprint does not render: {reason}")


def clean(description: str) -> str:
    """Return a description as it may stand in a file of any kind.

    Line breaks become one kind; what no file format takes (control characters,
    lone surrogates, non-characters) and what turns a line of source code around
    is left out. Letters that are written from right to left are not touched.
    """
    one_kind = "\n".join(description.splitlines())
    kept = "".join(
        character
        for character in one_kind.replace("\t", " ")
        if (character in _KEPT_CONTROLS or unicodedata.category(character) not in {"Cc", "Cs", "Cn"})
        and unicodedata.bidirectional(character) not in _DIRECTION_OVERRIDES
    )
    return kept.strip()[:LONGEST_DESCRIPTION].strip()


def _everything(directory: Path) -> list[Path]:
    """Return all that is in a directory, `.git` aside, following no symbolic link."""
    found: list[Path] = []
    for parent, directories, files in os.walk(directory):
        if ".git" in directories:
            directories.remove(".git")
        found += [Path(parent, name) for name in sorted(directories + files)]
    return found
