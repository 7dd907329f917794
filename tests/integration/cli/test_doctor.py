"""What `telewright doctor` says of real parts that are well, and of parts that are not."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cli.doctor import doctor
from cli.examination import CHECKS, Finding, Health
from cli.metrics.server import exposed
from infrastructure.embedded import EmbeddedPostgres, Endpoints
from shared.settings import Settings

NOWHERE = "127.0.0.1:1"


def settings_with(settings: Settings, **changes: object) -> Settings:
    return Settings(**{**settings.model_dump(exclude_unset=True), "_env_file": None, **changes})


async def finding(settings: Settings, part: str) -> Finding:
    return await CHECKS[part](settings)


@contextmanager
def answering(status: int) -> Iterator[str]:
    """A server that answers every request in the same way, as if it was asked who somebody is."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b'{"login": "ann", "type": "User"}')

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_everything_in_order_is_said_and_exits_with_0(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await doctor(settings) == 0
    printed = capsys.readouterr().out
    assert "FAIL" not in printed
    assert "Everything needed is in order." in printed


async def test_a_program_can_read_it(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert await doctor(settings, as_json=True) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["healthy"] is True
    health = {part["part"]: part["health"] for part in report["parts"]}
    assert health["PostgreSQL"] == health["Redis"] == health["Sandbox"] == "ok"
    assert health["Telegram"] == health["GitHub"] == health["Model"] == "off"


async def test_parts_that_cannot_be_reached_fail_with_advice_and_without_their_passwords(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    password, token = secrets.token_hex(10), f"123456789:{secrets.token_hex(20)}"
    broken = settings_with(
        settings,
        database_url=f"postgresql://me:{password}@{NOWHERE}/x",
        redis_url=f"redis://:{password}@{NOWHERE}",
        telegram_bot_token=token,
        allowed_user_ids=(1,),
        telegram_api_url=f"http://{NOWHERE}",
        github_token=password,
        github_api_url=f"http://{NOWHERE}",
    )
    assert await doctor(broken) == 1
    printed = capsys.readouterr().out
    assert printed.count("FAIL") == 4
    assert "4 of 17 need attention." in printed
    for name in ("DATABASE_URL", "REDIS_URL", "TELEGRAM_BOT_TOKEN", "GITHUB_API_URL"):
        assert name in printed
    assert password not in printed
    assert token not in printed
    assert max(map(len, printed.splitlines())) <= 60


async def test_embedded_parts_that_do_not_run_are_no_fault(home: Path) -> None:
    alone = Settings(telewright_home=home, _env_file=None)
    for part in ("PostgreSQL", "Redis"):
        found = await finding(alone, part)
        assert found.health is Health.OFF
        assert "telewright up" in found.said


async def test_embedded_parts_that_run_are_asked(home: Path) -> None:
    EmbeddedPostgres(home, expendable=True).start()
    found = await finding(Settings(telewright_home=home, _env_file=None), "PostgreSQL")
    assert found.health is Health.FAILED
    assert "telewright migrate" in found.advice


async def test_an_old_schema_is_named_with_the_command_that_helps(
    settings: Settings, empty_database_url: str
) -> None:
    found = await finding(settings_with(settings, database_url=empty_database_url), "PostgreSQL")
    assert found.health is Health.FAILED
    assert "telewright migrate" in found.advice


async def test_a_home_that_cannot_be_written_to_is_named(settings: Settings) -> None:
    found = await finding(settings_with(settings, telewright_home=Path("/proc/none")), "Home")
    assert found.health is Health.FAILED
    assert "TELEWRIGHT_HOME" in found.advice
    assert not Path("/proc/none").exists()


async def test_a_bot_that_nobody_may_use_is_named(settings: Settings) -> None:
    found = await finding(
        settings_with(settings, telegram_bot_token=f"1:{secrets.token_hex(20)}"), "Telegram"
    )
    assert found.health is Health.FAILED
    assert "ALLOWED_USER_IDS" in found.advice


@pytest.mark.parametrize(("status", "health"), [(200, Health.OK), (401, Health.FAILED)])
async def test_a_token_is_tried(settings: Settings, status: int, health: Health) -> None:
    with answering(status) as url:
        tried = settings_with(settings, github_token="x" * 20, github_api_url=url)
        assert (await finding(tried, "GitHub")).health is health


async def test_where_metrics_are_served_is_said_and_what_else_listens_there_as_well(
    settings: Settings, database_url: str, redis_url: str
) -> None:
    assert (await finding(settings, "Metrics")).health is Health.OFF
    with answering(200) as url:
        host, port = url.removeprefix("http://").split(":")
        address = (host, int(port))
        somebody_elses = await finding(settings_with(settings, metrics_address=address), "Metrics")
    assert somebody_elses.health is Health.FAILED
    assert "METRICS_ADDRESS" in somebody_elses.advice

    there = settings_with(settings, metrics_address=address)
    nobody = await finding(there, "Metrics")
    assert nobody.health is Health.OFF
    async with exposed(address, Endpoints(database_url, redis_url)):
        served = await finding(there, "Metrics")
    assert served.health is Health.OK
    assert f"{url}/metrics" in served.said
