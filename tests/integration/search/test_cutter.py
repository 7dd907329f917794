"""Files are parsed in a process that can be ended, and no file can do more than be read plainly."""

from __future__ import annotations

import asyncio
import os
import signal

import psutil
import pytest

from infrastructure.search import Cutter

SOURCE = b"def first():\n    return 1\n"


def parsers() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if any("cutter_process" in part for part in child.cmdline())
    ]


async def test_one_process_cuts_file_after_file_and_is_gone_afterwards() -> None:
    async with Cutter() as cutter:
        first = await cutter.cut("python", SOURCE)
        [process] = parsers()
        second = await cutter.cut("go", b"package x\nfunc F() {}\n")

        assert [chunk.symbol for chunk in first.chunks] == ["first"]
        assert [chunk.symbol for chunk in second.chunks] == ["", "F"]
        assert [one.pid for one in parsers()] == [process.pid]
    assert parsers() == []


async def test_a_parser_that_takes_too_long_is_ended_and_the_file_is_read_by_lines() -> None:
    async with Cutter(time_limit_s=1) as cutter:
        await cutter.cut("python", SOURCE)
        [process] = parsers()
        os.kill(process.pid, signal.SIGSTOP)

        cut = await cutter.cut("python", SOURCE)

        assert cut.remark == "its parser took too long, so it was read without its symbols"
        assert [(chunk.symbol, chunk.content) for chunk in cut.chunks] == [("", SOURCE.decode().strip())]
        assert not psutil.pid_exists(process.pid)
        assert (await cutter.cut("python", b"def g(): ...\n")).chunks[0].symbol == "g"


async def test_a_parser_that_dies_is_started_again() -> None:
    async with Cutter() as cutter:
        await cutter.cut("python", SOURCE)
        [process] = parsers()
        process.kill()

        cut = await cutter.cut("python", SOURCE)

        assert cut.remark in {None, "its parser failed, so it was read without its symbols"}
        assert (await cutter.cut("python", SOURCE)).remark is None


async def test_an_answer_that_nobody_waited_for_is_never_the_next_files() -> None:
    async with Cutter() as cutter:
        await cutter.cut("python", SOURCE)
        [process] = parsers()
        process.suspend()
        asked = asyncio.create_task(cutter.cut("python", b"def lost(): ...\n"))
        while not cutter._turn.locked():
            await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

        assert [chunk.symbol for chunk in (await cutter.cut("python", SOURCE)).chunks] == ["first"]


@pytest.mark.parametrize(
    "content",
    [b"(" * 300_000, b"a=`${" * 60_000, b"[" * 250_000 + b"]" * 250_000, b"\xff\xfe" * 1000, b"\0"],
    ids=["brackets", "templates", "nested", "no text", "NUL"],
)
async def test_hostile_files_end_soon_and_the_next_file_is_read(content: bytes) -> None:
    async with Cutter(time_limit_s=3) as cutter:
        async with asyncio.timeout(30):
            await cutter.cut("javascript", content)
        assert [chunk.symbol for chunk in (await cutter.cut("python", SOURCE)).chunks] == ["first"]


async def test_the_parsing_process_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "not-for-parsers")
    async with Cutter() as cutter:
        await cutter.cut("python", SOURCE)
        [process] = parsers()

        assert "GITHUB_TOKEN" not in process.environ()
