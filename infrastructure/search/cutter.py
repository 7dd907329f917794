"""Cuts files that nobody vouches for, in a process that is ended when one of them takes too long."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import structlog

from infrastructure import programs
from infrastructure.search.cutting import cut, cut_by_lines
from infrastructure.search.languages import SYMBOLS
from shared.ledger.chunks import Chunk, Kind

TIME_LIMIT_S: Final = 5.0
"""Real files take milliseconds."""

_START_S: Final = 60.0
_LONGEST_ANSWER: Final = 64 << 20
_CODE: Final = Path(__file__).parents[2]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Cut:
    """A file's chunks."""

    chunks: list[Chunk]
    remark: str | None
    """What is to be said of how it was read."""


class Cutter:
    """A process that cuts one file after the other; it is started when it is needed, and again when it has died."""

    def __init__(self, *, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._time_limit_s = time_limit_s
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def cut(self, language: str, content: bytes) -> Cut:
        """Return a file's chunks; of one that its parser does not cope with, by lines alone."""
        if language not in SYMBOLS:
            # Nothing is parsed by a grammar; on a thread, since it may be half a megabyte.
            return Cut(await asyncio.to_thread(cut, language, content), None)
        async with self._turn:
            try:
                stdin, stdout = await self._pipes()
                async with asyncio.timeout(self._time_limit_s):
                    return Cut(await _ask(stdin, stdout, language, content), None)
            except TimeoutError:
                trouble = "its parser took too long"
            except (OSError, EOFError, ValueError) as error:
                log.warning("parser.died", language=language, error=str(error))
                trouble = "its parser failed"
            except asyncio.CancelledError:
                # Its answer would be taken for the next file's.
                await self._end()
                raise
            await self._end()
        chunks = await asyncio.to_thread(cut_by_lines, language, content)
        return Cut(chunks, f"{trouble}, so it was read without its symbols")

    async def _pipes(self) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
        is_new = self._process is None
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "infrastructure.search.cutter_process"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=_LONGEST_ANSWER,
                cwd="/",
                env=programs.inherited() | {"PYTHONPATH": str(_CODE), "PYTHONDONTWRITEBYTECODE": "1"},
                start_new_session=True,
            )
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the parser was started without pipes")
        if is_new:
            # Its start takes long on a busy machine, and says nothing of the file.
            async with asyncio.timeout(_START_S):
                await stdout.readline()
        return stdin, stdout

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())


async def _ask(
    stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader, language: str, content: bytes
) -> list[Chunk]:
    stdin.write(json.dumps({"language": language, "size": len(content)}).encode() + b"\n" + content)
    await stdin.drain()
    answer = await stdout.readline()
    if not answer.endswith(b"\n"):
        raise EOFError("it ended in the middle")
    return [
        Chunk(symbol, Kind(kind), first, last, text) for symbol, kind, first, last, text in json.loads(answer)
    ]
