"""The sandbox on Linux: one warden and one bubblewrap for each command."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path

from infrastructure.sandbox import isolation
from infrastructure.sandbox.output import HeadAndTail, Lines
from infrastructure.sandbox.protocol import (
    WORKSPACE,
    Ending,
    Limits,
    LineListener,
    Mount,
    Sandbox,
    SandboxLost,
    SandboxResult,
)
from infrastructure.sandbox.refusal import refusal
from infrastructure.warden import orders
from infrastructure.warden.main import UNAVAILABLE
from shared.errors import BadInput

CHUNK = 64 * 1024

ENDS_WITHIN_S = 10
"""Seconds a warden has to end a command and give its files back, before it is ended itself."""


class BubblewrapSandbox(Sandbox):
    """Runs commands under bubblewrap. Only one at a time in the same workspace."""

    async def run(
        self,
        command: Sequence[str],
        *,
        workspace: Path,
        mounts: Sequence[Mount] = (),
        environment: Mapping[str, str] = {},
        limits: Limits = Limits(),  # noqa: B008 - frozen
        network: bool = False,
        on_line: LineListener | None = None,
    ) -> SandboxResult:
        """Run one command to its end and leave nothing of it running. See `Sandbox.run`."""
        output = HeadAndTail(limits.output_bytes)
        with _report() as (report, report_inside), _variables(environment) as variables:
            given = orders.Orders(
                bubblewrap=str(isolation.bubblewrap()),
                arguments=isolation.arguments(
                    memory_mb=limits.memory_mb, network=network, start_in=str(WORKSPACE)
                ),
                mounts=isolation.seen_by_warden([Mount(workspace, WORKSPACE, writable=True), *mounts]),
                files=dict(isolation.ACCOUNTS),
                command=list(command),
                environment_file=f"/proc/self/fd/{variables}",
                limits=_limits(limits),
                report_fd=report_inside,
            )
            async with _warden(given, keep_open=(report_inside, variables)) as warden:
                await _listen(warden, output, limits.output_hard_bytes, on_line)
            return _result(_read(report, output), output, limits)


async def check() -> str:
    """Say how generated code is isolated here, for `telewright doctor`.

    Raises:
        SandboxUnavailable: This machine cannot isolate.
    """
    with tempfile.TemporaryDirectory(prefix="telewright-") as directory:
        result = await BubblewrapSandbox().run(["true"], workspace=Path(directory))
    if not result.succeeded:
        raise refusal(result.output)
    return f"generated code is isolated by {isolation.bubblewrap()}"


@contextlib.contextmanager
def _report() -> Iterator[tuple[int, int]]:
    ours, inside = os.pipe()
    os.set_blocking(ours, False)  # a warden that was killed has said nothing
    try:
        yield ours, inside
    finally:
        os.close(ours)
        os.close(inside)


def _read(report: int, output: HeadAndTail) -> bytes:
    try:
        return os.read(report, CHUNK)
    except BlockingIOError as error:
        last = output.text().strip().rpartition("\n\n")[2]
        raise SandboxLost(
            f"The sandbox was ended from outside; the last it said: {last or 'nothing'}"
        ) from error


@contextlib.contextmanager
def _variables(environment: Mapping[str, str]) -> Iterator[int]:
    """Keep the environment in memory, since process arguments can be read by everybody."""
    for name, value in environment.items():
        if not name or "=" in name or "\0" in name + value:
            raise BadInput(f"no program can be given the variable {name!r} with such a value")
    with os.fdopen(os.memfd_create("environment"), "w", encoding="utf-8") as file:
        json.dump(dict(environment), file)
        file.flush()
        yield file.fileno()


@contextlib.asynccontextmanager
async def _warden(given: orders.Orders, *, keep_open: Sequence[int]) -> AsyncIterator[Process]:
    """Start a warden. When the block is left, however it is left, all has ended."""
    process = await asyncio.create_subprocess_exec(
        *isolation.warden_command(given),
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
        env={},
        cwd="/",
        pass_fds=keep_open,
        start_new_session=True,  # Ctrl-C in a terminal is for us, and we tell the warden
    )
    try:
        yield process
    finally:
        # A second cancellation must not leave the command running.
        await asyncio.shield(_end(process))


async def _end(process: Process) -> None:
    stdin, stdout = _pipes(process)
    stdin.close()
    try:
        async with asyncio.timeout(ENDS_WITHIN_S):
            while await stdout.read(CHUNK):
                pass
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _listen(
    process: Process, output: HeadAndTail, hard_limit: int, on_line: LineListener | None
) -> None:
    """Take in the output until it ends or is too much."""
    _, stdout = _pipes(process)
    lines = Lines()
    while output.total <= hard_limit and (data := await stdout.read(CHUNK)):
        output.add(data)
        if on_line is not None:
            for line in lines.add(data):
                await on_line(line)
    if on_line is not None:
        for line in lines.end():
            await on_line(line)


def _result(report: bytes, output: HeadAndTail, limits: Limits) -> SandboxResult:
    told = json.loads(report)
    if told["ending"] == UNAVAILABLE:
        raise refusal(output.text())
    if output.total > limits.output_hard_bytes:
        return SandboxResult(Ending.TOO_MUCH_OUTPUT, None, output.text(), told["duration_s"])
    return SandboxResult(Ending(told["ending"]), told["exit_code"], output.text(), told["duration_s"])


def _limits(limits: Limits) -> orders.Limits:
    return orders.Limits(
        wall_s=limits.wall_s,
        cpu_s=limits.cpu_s,
        memory_mb=limits.memory_mb,
        processes=limits.processes,
        open_files=limits.open_files,
        disk_mb=limits.disk_mb,
    )


def _pipes(process: Process) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the warden was started without pipes")
    return process.stdin, process.stdout
