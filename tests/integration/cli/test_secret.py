"""`telewright secret set`: a mistyped project is noticed, and a project to come is not refused."""

from __future__ import annotations

import io
import secrets

import pytest

from cli.secret import set_secret
from infrastructure.secrets import Secrets
from shared.database import Database
from shared.ids import UserId
from shared.ledger import projects, sessions, users
from shared.ledger.users import Role
from shared.settings import Settings


@pytest.fixture(autouse=True)
def _piped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{secrets.token_hex(8)}\n"))


async def test_a_secret_of_a_project_that_stands_is_set_without_ado(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    await _make(settings, "hello")

    await set_secret(settings, "hello", "API_KEY")

    printed = capsys.readouterr()
    assert printed.out == "API_KEY is set for hello. Its service gets it with the next deployment of hello.\n"
    assert printed.err == ""


async def test_a_project_that_is_not_there_yet_is_said_and_what_is_meant_guessed(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    await _make(settings, "hello")

    await set_secret(settings, "helo", "API_KEY")

    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "There is no project helo yet; its first release will find what you set. Did you mean hello?"
    ]
    assert printed.out == "API_KEY is set for helo. Its service gets it with the first deployment of helo.\n"
    assert await Secrets(settings.home).names("helo") == ["API_KEY"]


async def test_a_secret_can_be_set_while_nothing_runs(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    down = Settings(telewright_home=settings.home, _env_file=None)

    await set_secret(down, "hello", "API_KEY")

    assert "I could not look whether there is a project hello: Nothing runs for" in capsys.readouterr().err
    assert await Secrets(settings.home).names("hello") == ["API_KEY"]


async def _make(settings: Settings, name: str) -> None:
    assert settings.database_url is not None
    async with Database(settings.database_url.get_secret_value()) as database, database.transaction() as tx:
        owner = UserId("test:owner")
        await users.ensure(tx, owner, name="Olga", role=Role.OWNER)
        session = await sessions.ensure(tx, front="test", external_key="main", owner_id=owner)
        await projects.create(
            tx, name=name, blueprint="note", description="", owner_id=owner, session_id=session.id
        )
