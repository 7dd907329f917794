"""What `telewright demo --keep` leaves running, and how one is told to end it."""

from __future__ import annotations

import os
import re
import signal
import tempfile
from pathlib import Path

import psutil
import pytest

from cli.demo import _everything, _how_to_go_on, _place, _until_ready
from infrastructure.embedded import EmbeddedPostgres
from infrastructure.local_server import LocalServer
from shared.settings import Settings


async def test_what_is_kept_goes_on_until_it_is_ended_as_the_demo_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with _place(None, keep=True) as place:
        async with _everything(place, keep=True) as up:
            await _until_ready(up, place)
            told = _how_to_go_on(place, up.pid)
    server = LocalServer(place / "server")
    postgres = EmbeddedPostgres(Settings(telewright_home=place, _env_file=None).home)
    try:
        # Services run under the first, and `telewright chat` talks by way of the second.
        assert await server.is_running()
        assert postgres.running()
        assert f"TELEWRIGHT_HOME={place} telewright chat" in told
        assert f"Then remove {place}." in told
        [pid] = re.findall(r"Stop everything: kill (\d+)\.", told)
        assert psutil.Process(int(pid)).is_running()
    finally:
        os.kill(up.pid, signal.SIGTERM)
        await up.wait()

    assert not await server.is_running()
    assert not postgres.running()
    assert place.is_dir()
    assert [each for each in psutil.process_iter() if _mentions(each, place)] == []


def _mentions(process: psutil.Process, place: Path) -> bool:
    try:
        return str(place) in " ".join(process.cmdline())
    except psutil.Error:
        return False
