"""The files that people sent with what they asked for, where the work can read them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from graph.context import RunContext
from graph.orchestrator.tools import Tools
from infrastructure.attachments import AttachmentLost
from shared.ledger import attachments, events

DIRECTORY = "attachments"
"""Where they stand in the run's workspace."""

_READ_ONLY = 0o400


async def hand_over(context: RunContext, tools: Tools, workspace: Path) -> None:
    """Write the run's files into its workspace; one that is not kept here is told of, and left out."""
    async with context.database.connection() as connection:
        files = await attachments.of_run(connection, context.run.id)
    for number, file in enumerate(files, start=1):
        try:
            content = await tools.attachments.read(file.sha256)
        except AttachmentLost:
            text = f"{file.name} is not kept on this machine, so the work goes on without it."
            context.emit(events.NOTE_WRITTEN, {"text": text})
        else:
            # Numbered, since several may have one name.
            await asyncio.to_thread(_write, workspace / DIRECTORY / f"{number}-{file.name}", content)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_bytes(content)
    path.chmod(_READ_ONLY)
