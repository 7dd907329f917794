"""Other people's programs, with what they leave behind."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

import psutil
import pytest
import uvloop

from infrastructure import programs

LEAVE_A_CHILD = "sleep 300 & echo $! > child; {rest}"


async def test_a_program_gets_what_it_is_given_and_nothing_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "ours")

    ended = await programs.run(
        ["sh", "-c", "cat; env; pwd; echo trouble >&2; exit 3"],
        environment={"GIVEN": "theirs"},
        directory=tmp_path,
        content=b"input",
    )

    output = ended.output.decode()
    assert ended.exit_code == 3
    assert output.startswith("input")
    assert "GIVEN=theirs" in output
    assert "SOME_TOKEN" not in output
    assert str(tmp_path) in output
    assert ended.complaint == "trouble"


@pytest.mark.parametrize("after", [0, 440, 470, 495])
async def test_a_complaint_holds_no_secret_nor_half_of_one(after: int) -> None:
    password = secrets.token_hex(20)
    complaint = f"cannot fetch https://somebody:{password}@example.org/simple {'x' * after}"

    ended = await programs.run(["sh", "-c", "cat >&2; exit 1"], content=complaint.encode())

    assert password[-6:] not in ended.complaint
    assert len(ended.complaint) <= 500


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
@pytest.mark.parametrize("content", [b"", b"x" * 1_000_000])
def test_a_program_that_ended_before_it_was_fed_is_no_trouble(
    run: Callable[[Coroutine[None, None, None]], None], content: bytes
) -> None:
    async def feed_late() -> None:
        process = await asyncio.create_subprocess_exec("true", stdin=asyncio.subprocess.PIPE)
        assert process.stdin is not None
        while not process.stdin.is_closing():
            await asyncio.sleep(0.01)
        await programs.feed(process.stdin, content)
        assert await process.wait() == 0
        assert (await programs.run(["true"], content=content)).exit_code == 0

    run(feed_late())


async def test_a_missing_program_is_named() -> None:
    with pytest.raises(programs.ProgramMissing, match="no-such-program"):
        await programs.run(["no-such-program"])


@pytest.mark.parametrize("rest", ["wait", "exit 0"])
async def test_a_program_that_takes_too_long_ends_with_its_children(tmp_path: Path, rest: str) -> None:
    with pytest.raises(programs.ProgramTookTooLong):
        await programs.run(["sh", "-c", LEAVE_A_CHILD.format(rest=rest)], directory=tmp_path, timeout_s=1)

    await _gone(tmp_path / "child")


async def test_a_program_nobody_waits_for_ends_with_its_children(tmp_path: Path) -> None:
    running = asyncio.create_task(
        programs.run(["sh", "-c", LEAVE_A_CHILD.format(rest="wait")], directory=tmp_path)
    )
    while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    await _gone(tmp_path / "child")


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_program_ends_with_its_children_whenever_it_is_given_up(
    run: Callable[[Coroutine[None, None, None]], None],
) -> None:
    mark = f"300.{secrets.randbelow(10**9):09}"

    async def give_up_early() -> None:
        for steps in range(12):
            running = asyncio.create_task(programs.run(["sh", "-c", f"sleep {mark} & sleep {mark}"]))
            for _ in range(steps):
                await asyncio.sleep(0)
                # As on a busy machine: the program is further than we are.
                time.sleep(0.01)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    run(give_up_early())

    deadline = time.monotonic() + 10
    while left := [each for each in psutil.process_iter(["cmdline"]) if mark in (each.info["cmdline"] or [])]:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


async def _gone(file: Path) -> None:
    """Wait until the process has ended; the test's timeout is the limit."""
    status = Path("/proc", file.read_text().strip(), "stat")
    while status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z":
        await asyncio.sleep(0.02)
