"""Files that came with a wish stand in the workspace of the work that it starts."""

from __future__ import annotations

from pathlib import Path

from graph.orchestrator.work import Build
from infrastructure.attachments import AttachmentStore
from shared.ledger import attachments, inbox
from shared.ledger.runs import Run
from tests.integration.orchestrator.bench import OWNER, Bench

NOTE = Build(blueprint="note", name="hello", description="A note")


async def give(bench: Bench, run: Run, *files: tuple[str, str]) -> None:
    async with bench.database.transaction() as tx:
        receipt = await inbox.receive(
            tx, front="test", external_id="7", session_id=run.session_id, user_id=OWNER.id, payload={},
            trace_id=run.trace_id,
        )  # fmt: skip
        for name, sha256 in files:
            await attachments.record(
                tx,
                session_id=run.session_id,
                inbox_id=receipt.id,
                name=name,
                media_type="",
                size=1,
                sha256=sha256,
            )
        await attachments.give(tx, receipt.id, run.id)


async def test_files_stand_read_only_in_the_workspace_and_a_lost_one_is_told_of(
    bench: Bench, home: Path
) -> None:
    store = AttachmentStore(home)
    run = await bench.accept(NOTE)
    await give(
        bench,
        run,
        ("plan.md", await store.keep(b"one")),
        ("plan.md", await store.keep(b"two")),
        ("x", "0" * 64),
    )

    await bench.go(run)
    run = await bench.answer(run, "approve")

    directory = home / "workspaces" / str(run.id) / "attachments"
    seen = {file.name: (file.read_text(), file.stat().st_mode & 0o777) for file in directory.iterdir()}
    assert seen == {"1-plan.md": ("one", 0o400), "2-plan.md": ("two", 0o400)}
    assert "x is not kept on this machine" in await bench.notes(run)
    assert run.status == "waiting"
