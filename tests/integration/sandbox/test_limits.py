"""What hostile code does to the machine: it is ended, and everybody else goes on."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import psutil
import pytest

from infrastructure.sandbox import BubblewrapSandbox, Ending, Limits, SandboxResult

Run = Callable[..., Coroutine[Any, Any, SandboxResult]]


@pytest.fixture
def mark() -> str:
    """A word in the arguments of hostile processes, by which they are found from outside."""
    return f"mark-{secrets.token_hex(8)}"


async def test_a_command_that_does_not_end_is_ended(run_shell: Run, mark: str) -> None:
    result = await run_shell(
        f"echo started; exec sh -c 'while :; do sleep 60; done' {mark}", limits=Limits(wall_s=0.5)
    )

    assert result.ending is Ending.TIMED_OUT
    assert result.exit_code is None
    assert result.output == "started\n"
    assert 0.5 <= result.duration_s < 2
    assert not living(mark)


async def test_a_command_that_ignores_every_signal_is_ended(run_python: Run, mark: str) -> None:
    result = await run_python(
        f"""
        import signal, time
        for number in set(signal.Signals) - {{signal.SIGKILL, signal.SIGSTOP}}:
            signal.signal(number, signal.SIG_IGN)
        print("{mark}", flush=True)
        while True:
            time.sleep(60)
        """,
        limits=Limits(wall_s=1),
    )

    assert result.ending is Ending.TIMED_OUT
    assert result.output == f"{mark}\n"
    assert not living(mark)


async def test_what_was_left_in_the_background_is_ended_with_the_command(run_python: Run, mark: str) -> None:
    result = await run_python(f"""
        import os, sys, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                while True:
                    time.sleep(60)
            os._exit(0)
        os.wait()
        print("{mark}")
        """)

    assert result.succeeded, result.output
    assert not living(mark)


async def test_a_fork_bomb_is_ended(run_python: Run, mark: str) -> None:
    result = await run_python(
        f"""
        import os  # {mark}
        while True:
            try:
                os.fork()
            except OSError:
                pass
        """,
        limits=Limits(wall_s=20, processes=64),
    )

    assert result.ending is Ending.TOO_MANY_PROCESSES
    assert result.duration_s < 5
    assert not living(mark)


async def test_a_bomb_of_threads_is_ended(run_python: Run) -> None:
    result = await run_python(
        """
        import threading, time
        while True:
            try:
                threading.Thread(target=time.sleep, args=(60,)).start()
            except RuntimeError:
                pass
        """,
        limits=Limits(wall_s=20, processes=64),
    )

    assert result.ending is Ending.TOO_MANY_PROCESSES


async def test_one_process_that_takes_all_memory_is_stopped(run_python: Run) -> None:
    result = await run_python(
        "x = [bytearray(1 << 20) for _ in range(10**6)]", limits=Limits(memory_mb=128, processes=8)
    )

    assert result.ending is Ending.OUT_OF_MEMORY or "MemoryError" in result.output
    assert not result.succeeded


async def test_many_processes_that_take_all_memory_together_are_ended(run_python: Run) -> None:
    result = await run_python(
        """
        import os, time
        for _ in range(8):
            if os.fork() == 0:
                x = bytearray(os.urandom(1 << 20) * 40)
                time.sleep(60)
        time.sleep(60)
        """,
        limits=Limits(wall_s=20, memory_mb=200),
    )

    assert result.ending is Ending.OUT_OF_MEMORY


async def test_memory_that_forked_processes_share_counts_once(run_python: Run) -> None:
    result = await run_python(
        """
        import os, time
        x = bytearray(os.urandom(1 << 20) * 60)
        for _ in range(8):
            if os.fork() == 0:
                time.sleep(1)
                os._exit(0)
        for _ in range(8):
            os.wait()
        """,
        limits=Limits(wall_s=20, memory_mb=200),
    )

    assert result.succeeded, result


@pytest.mark.parametrize("directory", ["/tmp", "/dev/shm"])
async def test_files_in_memory_count_as_memory(run_python: Run, directory: str) -> None:
    result = await run_python(
        f"""
        import time
        with open("{directory}/file", "wb", buffering=0) as file:
            for _ in range(60):
                file.write(bytes(1 << 20))
        x = bytearray(b"1") * (60 << 20)
        time.sleep(60)
        """,
        limits=Limits(wall_s=20, memory_mb=100),
    )

    assert result.ending is Ending.OUT_OF_MEMORY


async def test_shared_memory_without_a_name_is_bounded(run_python: Run) -> None:
    result = await run_python(
        """
        import os, time
        held = []
        for _ in range(40):
            held.append(os.memfd_create("x"))
            for _ in range(10):
                os.write(held[-1], bytes(1 << 20))
        time.sleep(60)
        """,
        limits=Limits(wall_s=20, disk_mb=100),
    )

    assert result.ending is Ending.DISK_FULL


async def test_a_processor_hog_is_ended(run_shell: Run) -> None:
    result = await run_shell("while :; do :; done", limits=Limits(wall_s=20, cpu_s=1))

    assert result.ending is Ending.TIMED_OUT
    assert result.duration_s < 10


async def test_processes_that_share_the_work_do_not_get_more_processor_time(run_shell: Run) -> None:
    result = await run_shell(
        "for i in 1 2 3 4; do (while :; do :; done) & done; wait", limits=Limits(wall_s=30, cpu_s=2)
    )

    assert result.ending is Ending.TIMED_OUT
    assert result.duration_s < 10


async def test_of_much_output_head_and_tail_are_kept(run_shell: Run) -> None:
    result = await run_shell(
        "echo first; yes | head -c 20000000; echo last", limits=Limits(output_bytes=1000)
    )

    assert result.succeeded
    assert result.output.startswith("first\ny\n")
    assert result.output.endswith("y\nlast\n")
    assert f"[… {20_000_011 - 1000} bytes left out …]" in result.output
    assert len(result.output) < 1100


async def test_a_gigabyte_of_output_is_ended(run_shell: Run) -> None:
    result = await run_shell("yes | head -c 1000000000", limits=Limits(wall_s=60))

    assert result.ending is Ending.TOO_MUCH_OUTPUT
    assert len(result.output) < 70_000


async def test_a_file_as_large_as_the_limit_is_stopped(run_shell: Run, workspace: Path) -> None:
    result = await run_shell("exec head -c 50000000 /dev/zero > file", limits=Limits(disk_mb=20))

    assert result.ending is Ending.DISK_FULL
    assert (workspace / "file").stat().st_size <= 20 * 1024 * 1024


async def test_many_files_that_fill_the_disk_together_are_stopped(run_shell: Run) -> None:
    result = await run_shell(
        "i=0; while :; do i=$((i+1)); head -c 1000000 /dev/urandom > $i; done",
        limits=Limits(wall_s=20, disk_mb=20),
    )

    assert result.ending is Ending.DISK_FULL


async def test_many_empty_files_are_stopped(run_python: Run) -> None:
    result = await run_python(
        """
        import itertools
        for i in itertools.count():
            open(str(i), "w").close()
        """,
        limits=Limits(wall_s=30, disk_mb=10),
    )

    assert result.ending is Ending.DISK_FULL


async def test_files_without_a_name_fill_no_disk(run_python: Run) -> None:
    result = await run_python(
        """
        import os, time
        held = []
        for i in range(60):
            held.append(open("file", "wb", buffering=0))
            os.unlink("file")
            held[-1].write(bytes(1 << 20))
        time.sleep(60)
        """,
        limits=Limits(wall_s=20, disk_mb=20),
    )

    assert result.ending is Ending.DISK_FULL


async def test_what_was_there_before_does_not_count(run_shell: Run, workspace: Path) -> None:
    (workspace / "before").write_bytes(bytes(30 << 20))

    assert (await run_shell("sleep 1", limits=Limits(disk_mb=20))).succeeded


async def test_open_files_are_limited(run_python: Run) -> None:
    result = await run_python("x = [open('/dev/null') for _ in range(200)]", limits=Limits(open_files=100))

    assert "Too many open files" in result.output


async def test_a_crash_is_told_from_an_exit(run_shell: Run) -> None:
    assert (await run_shell("exit 3")).exit_code == 3
    crashed = await run_shell("kill -SEGV $$")
    assert (crashed.ending, crashed.exit_code, crashed.succeeded) == (Ending.KILLED, None, False)


async def test_lines_are_told_as_they_come(run_shell: Run, workspace: Path) -> None:
    told: list[str] = []

    async def answer(line: str) -> None:
        told.append(line)
        if line == "ready":
            (workspace / "answer").touch()

    result = await run_shell(
        r"printf 'ready\n\033[31mred\033[0m'; until [ -e answer ]; do sleep 0.01; done; echo; printf end",
        on_line=answer,
        limits=Limits(wall_s=20),
    )

    assert result.succeeded, result
    assert told == ["ready", "red", "end"]


async def test_a_listener_that_fails_ends_the_command(run_shell: Run, mark: str) -> None:
    async def fail(line: str) -> None:
        raise RuntimeError(line)

    with pytest.raises(RuntimeError, match="hello"):
        await run_shell(f"echo hello; sh -c 'sleep 60; :' {mark}", on_line=fail)

    assert not living(mark)


async def test_cancelling_ends_everything_within_a_second(run_shell: Run, mark: str) -> None:
    started = asyncio.Event()

    async def note(_: str) -> None:
        started.set()

    work = asyncio.create_task(
        run_shell(
            f"trap '' TERM INT HUP; echo up; (setsid sh -c 'sleep 60; :' {mark} &); sleep 60", on_line=note
        )
    )
    await asyncio.wait_for(started.wait(), 10)
    before = time.monotonic()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work

    assert time.monotonic() - before < 1
    assert not living(mark)


async def test_several_run_at_the_same_time(run_shell: Run, tmp_path: Path) -> None:
    workspaces = [tmp_path / str(number) for number in range(6)]
    for directory in workspaces:
        directory.mkdir()
    results = await asyncio.gather(
        *(
            BubblewrapSandbox().run(
                ["sh", "-c", f"for i in $(seq 40); do sleep 0.3 & done; echo {directory.name} > name; wait"],
                workspace=directory,
                limits=Limits(processes=50),
            )
            for directory in workspaces
        )
    )

    assert all(result.succeeded for result in results), results
    assert [(directory / "name").read_text().strip() for directory in workspaces] == list("012345")


def living(mark: str) -> list[int]:
    """Return the processes on this machine that have the mark in their arguments, wardens included."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if mark in " ".join(process.cmdline()):
                found.append(process.pid)
    return found
