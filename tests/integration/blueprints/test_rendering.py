"""Projects made from blueprints, by a real Copier."""

from __future__ import annotations

import ast
import asyncio
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from infrastructure import contract, lockfile
from infrastructure.blueprints import (
    Answers,
    BadBlueprint,
    UnknownBlueprint,
    catalogue,
    project_name,
    render,
    render_directory,
)
from infrastructure.blueprints.rendering import clean
from shared.errors import BadInput

NAMES = [blueprint.name for blueprint in catalogue()]
NAME = project_name("hello")
AWKWARD = [
    "",
    "\"' ''' \"\"\" \\ \\N{DASH} \\u12 %s {0} {{ 7 * 7 }} {% raw %} {# comment #} ---\n: & * ! | > @ `",
    "<script>alert(1)</script> </title> &amp; ]]> -->\r\nthree\u2028four\u0085five\n# heading\n```\n- x: [y",
    "🦊 👩‍👩‍👧 שלום עולם مرحبا \u202e evil \u2066 \x00\x07\x1b[31m\ud800\ufffe\x7f" + "x" * 5000,
]


def test_the_catalogue_says_what_there_is() -> None:
    assert NAMES == ["scheduled-job", "static-site", "telegram-bot", "web-service"]
    assert all(blueprint.summary for blueprint in catalogue())
    assert {blueprint.name: blueprint.secrets for blueprint in catalogue()}["telegram-bot"] == ("BOT_TOKEN",)


async def test_an_unknown_blueprint_is_answered_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UnknownBlueprint, match="scheduled-job, static-site, telegram-bot, web-service"):
        await render("../etc", Answers(NAME), tmp_path / "out")


@pytest.mark.parametrize("name", NAMES)
async def test_the_same_answers_give_the_same_files(tmp_path: Path, name: str) -> None:
    working_directory = Path.cwd()

    await asyncio.gather(*(render(name, Answers(NAME, "Any"), tmp_path / place) for place in ("one", "two")))

    assert _content(tmp_path / "one") == _content(tmp_path / "two")
    assert Path.cwd() == working_directory


@pytest.mark.parametrize("name", NAMES)
async def test_a_project_has_what_a_project_needs(tmp_path: Path, name: str) -> None:
    await render(name, Answers(NAME, "Any"), tmp_path)

    made = contract.load(tmp_path)
    assert made.overlap == (name in {"web-service", "static-site"})
    assert made.processes[made.answering].command[:2] == ["python", "-m"]
    for lock in (lockfile.RUNTIME, lockfile.TESTING):
        text, pins = lockfile.read(tmp_path / lock)
        assert pins
        assert "://" not in text
    assert yaml.safe_load((tmp_path / ".github/workflows/ci.yml").read_text())["jobs"]
    assert (tmp_path / "README.md").read_text().startswith("# hello\n")
    assert list((tmp_path / "tests").glob("test_*.py"))


@pytest.mark.parametrize("name", NAMES)
async def test_what_a_project_pins_stands_in_telewrights_own_lock(name: str) -> None:
    ours, _ = lockfile.read(Path(__file__).resolve().parents[3] / "requirements.lock")
    directory = next(blueprint.directory for blueprint in catalogue() if blueprint.name == name) / "template"
    for lock in (lockfile.RUNTIME, lockfile.TESTING):
        _, pins = lockfile.read(directory / lock)
        assert [pin for pin in pins if f"{pin.name}=={pin.version} " not in ours] == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("description", AWKWARD, ids=range(len(AWKWARD)))
async def test_no_description_breaks_a_file(tmp_path: Path, name: str, description: str) -> None:
    await render(name, Answers(NAME, description), tmp_path)

    contract.load(tmp_path)
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    assert "\n" not in project["description"]
    for file in tmp_path.rglob("*.py"):
        tree = ast.parse(file.read_text())
        if file.name == "about.py" and clean(description):
            assert _constants(tree)["DESCRIPTION"] == clean(description)
    for file in tmp_path.rglob("*.html"):
        page = Tags(file.read_text())
        assert "script" not in page.tags
        assert page.tags.count("title") == 1


def test_a_cleaned_description_keeps_its_letters_and_loses_what_no_file_takes() -> None:
    assert clean(" one\r\ntwo\u2028three ") == "one\ntwo\nthree"
    assert clean("a\x00b\x1b[31m\ud800c") == "ab[31mc"
    assert clean("שלום \u202eevil") == "שלום evil"
    assert len(clean("x" * 5000)) == 2000


async def test_a_directory_with_files_in_it_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("stays")

    with pytest.raises(BadInput, match="not empty"):
        await render("web-service", Answers(NAME), tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize(
    ("questions", "complaint"),
    [
        ("_tasks: ['touch {marker}']", "_tasks is unsafe"),
        ("_migrations: [{{version: v1, after: ['touch {marker}']}}]", "_migrations is unsafe"),
        ("_jinja_extensions: [jinja2.ext.do]", "_jinja_extensions is unsafe"),
        ("more: {{type: str}}", "question more has no default"),
        ("_x: !include /etc/hostname", "not plain YAML"),
        ("- a list", "must be a mapping"),
        ("a: [", "not plain YAML"),
    ],
)
async def test_an_unsafe_blueprint_is_refused_and_not_run(
    tmp_path: Path, questions: str, complaint: str
) -> None:
    blueprint, marker = tmp_path / "blueprint", tmp_path / "marker"
    blueprint.mkdir()
    (blueprint / "copier.yml").write_text(questions.format(marker=marker))

    with pytest.raises(BadBlueprint, match=complaint):
        await render_directory(blueprint, Answers(NAME), tmp_path / "out")

    assert not marker.exists()


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.txt.jinja", "{{ unclosed", "a.txt.jinja, line 1"),
        ("a.txt.jinja", "{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe|undefined"),
        ("a.txt.jinja", "{% include '/etc/passwd' %}", "does not render"),
        ("{{ '../' * 3 }}x.txt.jinja", "x", "does not render"),
    ],
)
async def test_a_template_that_does_not_render_is_explained(
    tmp_path: Path, name: str, text: str, complaint: str
) -> None:
    blueprint = tmp_path / "blueprint"
    (blueprint / "template").mkdir(parents=True)
    (blueprint / "copier.yml").write_text("_subdirectory: template\nproject_name: {type: str}\n")
    file = blueprint / "template" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)

    with pytest.raises(BadBlueprint, match=complaint):
        await render_directory(blueprint, Answers(NAME), tmp_path / "out")


async def test_a_link_in_a_blueprint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "blueprint").mkdir()
    (tmp_path / "blueprint" / "copier.yml").write_text("project_name: {type: str}\n")
    (tmp_path / "blueprint" / "passwd").symlink_to("/etc/passwd")

    with pytest.raises(BadBlueprint, match="symbolic link"):
        await render_directory(tmp_path / "blueprint", Answers(NAME), tmp_path / "out")


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def _constants(tree: ast.Module) -> dict[str, object]:
    return {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }


def _content(directory: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(directory)): (path.read_bytes(), path.stat().st_mode)
        for path in directory.rglob("*")
        if path.is_file()
    }
