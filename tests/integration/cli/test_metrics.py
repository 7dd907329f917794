"""`/metrics` of real processes, as Prometheus reads it: counted by all, stored by the ledgers, and always an answer."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from cli.metrics.address import url_of
from cli.metrics.counting import tally
from infrastructure.disk import DiskFull
from tests.engine import open_engine
from tests.fakes.telegram import Telegram, telegram_in_thread
from tests.installation import Installation
from tests.naming import complaints
from tests.workflows import build_approval

ROOT = Path(__file__).parents[3]
OWNER, STRANGER = 1001, 6666
STRANGERS = "telewright_bot_strangers_total"


class Scrapes:
    """What Prometheus would read at an address."""

    def __init__(self, address: str) -> None:
        host, port = address.split(":")
        self.url = url_of((host, int(port)))

    def text(self) -> str:
        answer = httpx.get(self.url, timeout=10)
        assert answer.status_code == httpx.codes.OK
        return answer.text

    def samples(self, name: str) -> dict[tuple[tuple[str, str], ...], float]:
        """Return a metric's values, by their labels."""
        return {
            tuple(sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.text())
            for sample in family.samples
            if sample.name == name
        }

    def value(self, metric: str, /, **labels: str) -> float | None:
        return self.samples(metric).get(tuple(sorted(labels.items())))

    def until(self, condition: Callable[[], bool], *, timeout_s: float = 60) -> None:
        """Wait until something is to be read; nothing listens yet, perhaps."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                if condition():
                    return
            except httpx.ConnectError:
                pass
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.1)


@pytest.fixture
def address() -> str:
    return _free_address()


@pytest.fixture
def telegram() -> Iterator[Telegram]:
    with telegram_in_thread() as telegram:
        yield telegram


@contextmanager
def up(home: Path, address: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    with (home.parent / "up.log").open("wb") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "cli", "up"],
            cwd=home,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "TELEWRIGHT_HOME": str(home),
                "METRICS_ADDRESS": address,
                **settings,
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield running
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(60)


def test_up_shows_what_its_children_count_and_who_holds_locks_and_a_killed_child_breaks_nothing(
    home: Path, address: str, database_url: str, redis_url: str, telegram: Telegram
) -> None:
    scrapes, stranger = Scrapes(address), telegram.user(STRANGER, "Mallory")
    given = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "TELEGRAM_BOT_TOKEN": telegram.token,
        "TELEGRAM_API_URL": telegram.url,
        "ALLOWED_USER_IDS": str(OWNER),
    }
    with up(home, address, **given) as running:
        scrapes.until(lambda: scrapes.value(STRANGERS) == 0)
        stranger.say("let me in")
        scrapes.until(lambda: scrapes.value(STRANGERS) == 1)

        scrapes.until(lambda: _holder(scrapes, "telegram") is not None)
        holder = _holder(scrapes, "telegram")
        assert holder is not None
        process = psutil.Process(int(holder.partition(":")[2] or holder))
        assert process.ppid() == running.pid
        age_s = scrapes.value("telewright_lock_age_seconds", name="telegram", holder=holder)
        assert age_s is not None
        assert 0 < age_s < 60

        process.kill()
        scrapes.until(lambda: scrapes.value("telewright_process_starts_total", process="bot") == 2)
        assert scrapes.value(STRANGERS) == 1, "what the killed one has counted is still there"
        assert complaints(scrapes.text()) == []
    assert not (home / "metrics").exists()


async def test_a_process_that_was_started_alone_shows_its_own_figures(
    home: Path, address: str, database_url: str, redis_url: str
) -> None:
    scrapes = Scrapes(address)
    alone = Installation(home, database_url, redis_url, {"METRICS_ADDRESS": address})
    alone.start("worker")
    try:
        async with open_engine(database_url, redis_url) as engine:
            await engine.accept(build_approval)
            jobs = "telewright_queue_job_duration_seconds_count"
            scrapes.until(lambda: scrapes.value(jobs, task="runs.execute", outcome="succeeded") == 1)
            scrapes.until(lambda: scrapes.value("telewright_runs", state="waiting") == 1)
        assert scrapes.value("telewright_database_up") == 1
        assert scrapes.value("telewright_redis_up") == 1
        assert scrapes.value("process_resident_memory_bytes")
        assert complaints(scrapes.text()) == []
        assert httpx.get(scrapes.url.removesuffix("metrics")).status_code == httpx.codes.NOT_FOUND
    finally:
        await asyncio.to_thread(alone.stop)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB, mounted where the machine lets us."""
    home = tmp_path / "small"
    home.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(home)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting needs root")
    yield home
    subprocess.run(["umount", "-l", str(home)], check=True)


COUNTING = """
from cli.metrics.counting import join
join()
from prometheus_client import Counter, Histogram
Counter("things_total", "Things").inc()
Histogram("wait_seconds", "Wait").observe(1)
"""


def test_a_disk_that_is_full_ends_nobody_who_counts_and_is_told_to_whoever_begins(small_disk: Path) -> None:
    with tally(small_disk) as counted:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **counted.environment("worker")}
        with pytest.raises(OSError, match="No space"):
            _fill(small_disk)
        subprocess.run([sys.executable, "-c", COUNTING], env=environment, check=True)
        assert {metric.name for metric in counted.collect()} == {"things", "wait_seconds"}
        with pytest.raises(DiskFull):
            counted.environment("bot")


def test_the_port_of_the_api_shows_no_metrics(
    home: Path, address: str, database_url: str, redis_url: str
) -> None:
    scrapes, port = Scrapes(address), _free_address().partition(":")[2]
    alone = Installation(home, database_url, redis_url, {"METRICS_ADDRESS": address, "API_PORT": port})
    alone.start("api")
    try:
        scrapes.until(lambda: httpx.get(f"http://127.0.0.1:{port}/healthz").is_success)
        assert scrapes.value("telewright_database_up") == 1
        assert httpx.get(f"http://127.0.0.1:{port}/metrics").status_code == httpx.codes.NOT_FOUND
    finally:
        alone.stop()


def test_an_address_that_is_taken_is_one_clear_line(home: Path, database_url: str, redis_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = subprocess.run(
            [sys.executable, "-m", "cli", "scheduler"],
            cwd=home,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "TELEWRIGHT_HOME": str(home),
                "DATABASE_URL": database_url,
                "REDIS_URL": redis_url,
                "METRICS_ADDRESS": address,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    assert f"METRICS_ADDRESS: {address} cannot be listened on: " in ended.stderr
    assert "Traceback" not in ended.stderr


def _fill(disk: Path) -> None:
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))


def _holder(scrapes: Scrapes, lock: str) -> str | None:
    held = [dict(labels) for labels in scrapes.samples("telewright_lock_age_seconds")]
    return next((labels["holder"] for labels in held if labels["name"] == lock), None)


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
