"""Secrets, in real SOPS files."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pydantic import SecretStr

from infrastructure.secrets import KeyLost, Secrets, SecretsDamaged, SecretsFenced, UnknownSecret
from shared.errors import BadInput

CODE = Path(__file__).resolve().parents[3]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def value() -> SecretStr:
    return SecretStr(secrets.token_urlsafe(24))


async def revealed(home: Path, project: str, name: str) -> str:
    return (await Secrets(home).reveal(project, [name]))[name].get_secret_value()


async def test_a_secret_that_was_set_is_revealed(home: Path, value: SecretStr) -> None:
    await Secrets(home).set("hello", "BOT_TOKEN", value)

    assert await revealed(home, "hello", "BOT_TOKEN") == value.get_secret_value()


@pytest.mark.parametrize(
    "text", ["a b", "quote\"'", "#{$(id)}", "🦊", "עברית", "x" * 32768, "null", "1", "\t"]
)
async def test_any_one_line_text_is_kept_as_it_is(home: Path, text: str) -> None:
    await Secrets(home).set("hello", "KEY", SecretStr(text))

    assert await revealed(home, "hello", "KEY") == text


async def test_a_secret_set_again_has_the_new_value(home: Path, value: SecretStr) -> None:
    await Secrets(home).set("hello", "KEY", SecretStr("old"))
    await Secrets(home).set("hello", "KEY", value)

    assert await revealed(home, "hello", "KEY") == value.get_secret_value()


async def test_only_what_was_asked_for_is_revealed(home: Path, value: SecretStr) -> None:
    await Secrets(home).set("hello", "ONE", value)
    await Secrets(home).set("hello", "TWO", value)

    assert list(await Secrets(home).reveal("hello", ["TWO"])) == ["TWO"]
    assert await Secrets(home).reveal("hello", []) == {}


async def test_names_are_known_without_the_key(home: Path, value: SecretStr) -> None:
    await Secrets(home).set("hello", "TWO", value)
    await Secrets(home).set("hello", "ONE", value)
    (home / "keys" / "age.txt").unlink()

    assert await Secrets(home).names("hello") == ["ONE", "TWO"]
    assert await Secrets(home).names("nobody") == []


async def test_a_forgotten_secret_is_unknown(home: Path, value: SecretStr) -> None:
    await Secrets(home).set("hello", "KEY", value)
    await Secrets(home).unset("hello", "KEY")
    await Secrets(home).unset("hello", "KEY")

    with pytest.raises(UnknownSecret, match="KEY"):
        await Secrets(home).reveal("hello", ["KEY"])


async def test_projects_do_not_share_secrets(home: Path, value: SecretStr) -> None:
    await Secrets(home).set("hello", "KEY", value)

    assert await Secrets(home).names("other") == []


async def test_a_removed_project_has_no_secrets(home: Path, value: SecretStr) -> None:
    await Secrets(home).set("hello", "KEY", value)
    await Secrets(home).remove("hello", fence=1)

    assert await Secrets(home).names("hello") == []


async def test_a_removal_that_is_out_of_date_forgets_nothing(home: Path, value: SecretStr) -> None:
    await Secrets(home).remove("hello", fence=7)
    await Secrets(home).set("hello", "KEY", value)

    with pytest.raises(SecretsFenced):
        await Secrets(home).remove("hello", fence=6)
    assert await Secrets(home).names("hello") == ["KEY"]

    await Secrets(home).remove("hello", fence=7)
    await Secrets(home).remove("hello", fence=8)
    assert await Secrets(home).names("hello") == []


async def test_nothing_on_the_disk_holds_the_value_and_only_we_may_read_it(
    home: Path, value: SecretStr
) -> None:
    await Secrets(home).set("hello", "KEY", value)

    for file in (path for path in home.rglob("*") if path.is_file()):
        assert value.get_secret_value().encode() not in file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_the_value_is_never_logged_nor_seen_in_any_process(
    home: Path, value: SecretStr, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    watcher = ProcessWatcher(value.get_secret_value().encode())
    with watcher:
        await Secrets(home).set("hello", "KEY", value)
        await Secrets(home).reveal("hello", ["KEY"])

    assert watcher.looks > 0
    assert not watcher.seen
    assert value.get_secret_value() not in caplog.text


async def test_secrets_set_at_once_are_all_kept(home: Path) -> None:
    await asyncio.gather(
        *(Secrets(home).set("hello", f"KEY_{number}", SecretStr(str(number))) for number in range(8))
    )

    values = await Secrets(home).reveal("hello", [f"KEY_{number}" for number in range(8)])
    assert [value.get_secret_value() for value in values.values()] == [str(number) for number in range(8)]


def test_processes_that_set_at_once_make_one_key_and_keep_all(home: Path) -> None:
    code = """
import asyncio, sys
from pathlib import Path
from pydantic import SecretStr
from infrastructure.secrets import Secrets
asyncio.run(Secrets(Path(sys.argv[1])).set("hello", sys.argv[2], SecretStr(sys.argv[2].lower())))
"""
    setting = [
        subprocess.Popen([sys.executable, "-c", code, home, f"KEY_{number}"], cwd=CODE) for number in range(4)
    ]
    assert [process.wait(60) for process in setting] == [0, 0, 0, 0]

    values = asyncio.run(Secrets(home).reveal("hello", [f"KEY_{number}" for number in range(4)]))
    assert len(values) == 4
    assert [file.name for file in (home / "keys").iterdir()] == ["age.txt"]


async def test_a_lost_key_is_said_and_never_replaced(home: Path, value: SecretStr) -> None:
    await Secrets(home).set("hello", "KEY", value)
    key = home / "keys" / "age.txt"
    kept = key.read_text()
    key.unlink()

    with pytest.raises(KeyLost, match="missing"):
        await Secrets(home).reveal("hello", ["KEY"])
    with pytest.raises(KeyLost):
        await Secrets(home).set("hello", "OTHER", value)
    with pytest.raises(KeyLost):
        await Secrets(home).set("another", "KEY", value)
    assert not key.exists()

    key.write_text(kept)
    assert await revealed(home, "hello", "KEY") == value.get_secret_value()


async def test_another_homes_key_opens_nothing(home: Path, tmp_path: Path, value: SecretStr) -> None:
    await Secrets(home).set("hello", "KEY", value)
    await Secrets(tmp_path / "other").set("hello", "KEY", value)
    (tmp_path / "other" / "keys" / "age.txt").replace(home / "keys" / "age.txt")

    with pytest.raises(KeyLost):
        await Secrets(home).reveal("hello", ["KEY"])


async def test_a_file_that_was_changed_is_not_believed(home: Path, value: SecretStr) -> None:
    await Secrets(home).set("hello", "ONE", SecretStr("one"))
    await Secrets(home).set("hello", "TWO", value)
    file = home / "secrets" / "hello.json"
    content = json.loads(file.read_text())
    content["ONE"] = content["TWO"]
    file.write_text(json.dumps(content))

    with pytest.raises(SecretsDamaged):
        await Secrets(home).reveal("hello", ["ONE"])

    file.write_text("{")
    with pytest.raises(SecretsDamaged):
        await Secrets(home).names("hello")


@pytest.mark.parametrize("name", ["", "lower", "1A", "A-B", "A B", "PATH", "PORT", "A" * 64, "É", "A\n"])
async def test_a_name_that_is_no_variable_is_refused(home: Path, name: str, value: SecretStr) -> None:
    with pytest.raises(BadInput):
        await Secrets(home).set("hello", name, value)


@pytest.mark.parametrize("text", ["", "two\nlines", "nul\0", "cr\r", "x" * 32769])
async def test_a_value_that_no_variable_takes_is_refused_and_not_quoted(home: Path, text: str) -> None:
    with pytest.raises(BadInput) as error:
        await Secrets(home).set("hello", "KEY", SecretStr(text))

    assert not text or text not in str(error.value)


@pytest.mark.parametrize("project", ["../x", "", "a/b", ".hidden", "A"])
async def test_a_project_that_leads_elsewhere_is_refused(home: Path, project: str, value: SecretStr) -> None:
    with pytest.raises(BadInput):
        await Secrets(home).set(project, "KEY", value)


class ProcessWatcher:
    """Looks at the arguments and the environment of every process, as long as the block runs."""

    def __init__(self, needle: bytes) -> None:
        self.seen: set[str] = set()
        self.looks = 0
        self._needle = needle
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ending.is_set():
            self.looks += 1
            for process in Path("/proc").glob("[0-9]*"):
                for file in ("cmdline", "environ"):
                    try:
                        if self._needle in (process / file).read_bytes():
                            self.seen.add(f"{process.name} {file}")
                    except OSError:
                        continue
