"""A machine is lost while a person thinks: the next one goes on from what is kept elsewhere, or says why it cannot."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from graph.orchestrator.approve_workflows import approve_workflows
from graph.orchestrator.save_work import save_work
from graph.orchestrator.state import State
from graph.orchestrator.tools import Tools
from graph.orchestrator.tree import TreeChanged, written_tree
from graph.orchestrator.work import Build
from graph.roles import Brief
from infrastructure.attachments import AttachmentStore
from infrastructure.dependencies import Dependencies
from infrastructure.deploy import DeploymentFailed
from infrastructure.forge import LocalForge
from infrastructure.forge.github import FixedToken, GitHubClient, GitHubForge, Patience
from infrastructure.forge.mixed import MixedForge
from infrastructure.releases import ReleaseBuilder
from infrastructure.secrets import Secrets
from infrastructure.workspace import Workspaces
from shared.database import Database
from shared.ledger.runs import Run, Status
from shared.live import Live
from tests.fakes.github import FakeGitHub
from tests.integration.orchestrator.bench import Bench, claimed
from tests.integration.orchestrator.loopback import LoopbackDeployer
from tests.integration.orchestrator.steps import scaffolded
from tests.integration.orchestrator.test_attached import give
from tests.parts import SharedParts

HELLO = Build(blueprint="checked", name="hello", description="A note to the world")
NOTE = HELLO.model_copy(update={"blueprint": "note"})

Elsewhere = Callable[[str], Tools]


class MoodyCoder:
    """A `Coder` that writes something else each time, as one does that asks a model."""

    def __init__(self, tools: Tools) -> None:
        self._coder = tools.coder
        self._times = 0

    async def write(self, brief: Brief, target: Path) -> None:
        await self._coder.write(brief, target)
        self._times += 1
        (target / "mood.txt").write_text(f"{self._times}\n")


class UntidyCoder:
    """A `Coder` that writes files which it has git ignore as well."""

    def __init__(self, tools: Tools) -> None:
        self._coder = tools.coder

    async def write(self, brief: Brief, target: Path) -> None:
        await self._coder.write(brief, target)
        (target / ".gitignore").write_text("data/\n*.log\n!kept.log\n")
        for name in ("data/deep/seed.txt", "a.log", "kept.log", ".git/config", "empty/of/files.log"):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(name)
        (target / "link.log").symlink_to("data")


@pytest.fixture
def elsewhere(
    hosted: Tools, github: FakeGitHub, tmp_path: Path, shared_parts: SharedParts
) -> Iterator[Elsewhere]:
    """Makes the tools of a worker on a machine of its own, whose home is empty."""
    with ExitStack() as stack:

        def make(name: str) -> Tools:
            home = tmp_path / name
            home.mkdir()
            shared_parts.lend_packages(home)
            client = GitHubClient(FixedToken(github.token, github.url), github.url, Patience(5))
            forge = GitHubForge(home, client)
            stack.callback(forge.close)
            mixed, dependencies = MixedForge(forge, LocalForge(home)), Dependencies(home)
            return replace(
                hosted,
                forge=mixed,
                hosting=forge,
                workspaces=Workspaces(home),
                releases=ReleaseBuilder(home, mixed, dependencies),
                dependencies=dependencies,
                secrets=Secrets(home),
                attachments=AttachmentStore(home),
            )

        yield make


@pytest.fixture
async def bench(database_url: str, redis_url: str, hosted: Tools) -> AsyncIterator[Bench]:
    async with Database(database_url) as database, Live(redis_url) as live:
        yield Bench(database, live, hosted)


async def test_a_build_on_github_goes_on_elsewhere_whichever_question_its_machine_is_lost_at(
    bench: Bench, github: FakeGitHub, deployer: LoopbackDeployer, elsewhere: Elsewhere
) -> None:
    github.always_check("test")
    run, asked = await bench.work(HELLO), []
    while run.status is Status.WAITING:
        asked.append((await bench.asks(run)).question["kind"])
        bench.tools = elsewhere(f"machine-{len(asked)}")
        run = await bench.answer(run, "approve")

    assert asked == ["plan", "workflows", "merge", "deploy"]
    assert run.status is Status.SUCCEEDED, run.reason
    hello = github.repository("hello")
    assert deployer.deployed == [hello.head("main")]
    assert "note.txt" in hello.files("main")


async def test_a_build_on_this_machine_goes_on_whichever_question_its_workspace_is_lost_at(
    bench: Bench, tools: Tools, deployer: LoopbackDeployer, home: Path
) -> None:
    bench.tools = tools
    deployer.failures.append(DeploymentFailed("It does not start", logs=""))
    run, asked = await bench.work(NOTE), []
    while run.status is Status.WAITING:
        asked.append((await bench.asks(run)).question["kind"])
        await tools.workspaces.remove(str(run.id))
        # And the archive, which is built again, the same one.
        await asyncio.to_thread(shutil.rmtree, home / "releases", ignore_errors=True)
        run = await bench.answer(run, "again" if asked[-1] == "question" else "approve")

    assert asked == ["plan", "deploy", "question"]
    assert run.status is Status.SUCCEEDED, run.reason
    assert len(deployer.deployed) == 1


async def test_a_build_whose_repository_was_on_a_lost_machine_ends_and_says_so(
    bench: Bench, tools: Tools, home: Path, tmp_path: Path
) -> None:
    bench.tools = tools
    run = await bench.answer(await bench.work(NOTE), "approve")
    assert (await bench.asks(run)).question["kind"] == "deploy"
    for lost in ("repositories", "releases", "workspaces"):
        await asyncio.to_thread(shutil.rmtree, home / lost)

    run = await bench.answer(run, "approve")

    assert (run.status, run.reason_code) == (Status.FAILED, "no_repository")
    assert run.reason == "There is no repository called hello on this machine"
    assert "on which the repository is" in (run.advice or "")


async def test_what_was_saved_is_found_though_its_worker_did_not_live_to_note_it(
    bench: Bench, hosted: Tools, elsewhere: Elsewhere
) -> None:
    bench.tools = replace(hosted, coder=MoodyCoder(hosted))
    run = await bench.accept(NOTE)
    state = await scaffolded(bench, run, NOTE)
    await save_work(state, await claimed(bench, run), bench.tools)
    bench.tools = replace(elsewhere("machine"), coder=bench.tools.coder)

    tree = await written_tree(state, await claimed(bench, run), bench.tools)
    assert (tree / "mood.txt").read_text() == "1\n"


async def test_what_is_saved_and_noted_is_found_though_its_hidden_reference_was_deleted(
    bench: Bench, github: FakeGitHub, elsewhere: Elsewhere
) -> None:
    run = await bench.accept(NOTE)
    state = await scaffolded(bench, run, NOTE)
    state.update(await save_work(state, await claimed(bench, run), bench.tools))
    hello = github.repository("hello")
    hello.set_ref(f"refs/telewright/wip/{run.id}", None, by="ann")
    state["kept"] = "0" * 39 + "1"
    bench.tools = elsewhere("machine")

    tree = await written_tree(state, await claimed(bench, run), bench.tools)
    assert (tree / "note.txt").is_file()


async def test_work_that_was_not_saved_yet_and_comes_out_differently_ends_the_run(
    bench: Bench, hosted: Tools, github: FakeGitHub, elsewhere: Elsewhere
) -> None:
    coder = MoodyCoder(hosted)
    bench.tools = replace(hosted, coder=coder)
    run = await bench.accept(HELLO)
    state = await scaffolded(bench, run, HELLO)
    bench.tools = replace(elsewhere("machine"), coder=coder)
    with pytest.raises(TreeChanged):
        await approve_workflows(state, await claimed(bench, run), bench.tools)
    assert github.repositories == [], "nothing is made before its workflows are approved"


async def test_files_that_came_with_the_wish_are_handed_over_anew_with_the_tree(
    bench: Bench, elsewhere: Elsewhere, home: Path
) -> None:
    run = await bench.accept(NOTE)
    await give(bench, run, ("plan.md", await AttachmentStore(home).keep(b"one")))
    state = await _saved(bench, run)
    await bench.tools.workspaces.remove(str(run.id))
    tree = await written_tree(state, await claimed(bench, run), bench.tools)
    assert (tree.parent / "attachments" / "1-plan.md").read_bytes() == b"one"

    # Where they were never kept, the work goes on without them.
    bench.tools = elsewhere("machine")
    context = await claimed(bench, run)
    tree = await written_tree(state, context, bench.tools)
    assert not (tree.parent / "attachments").exists()


async def _saved(bench: Bench, run: Run) -> State:
    state = await scaffolded(bench, run, NOTE)
    state.update(await save_work(state, await claimed(bench, run), bench.tools))
    return state


async def test_what_git_ignores_is_not_tested_and_the_saved_rest_can_be_had_again(
    bench: Bench, elsewhere: Elsewhere
) -> None:
    bench.tools = replace(bench.tools, coder=UntidyCoder(bench.tools))
    run = await bench.accept(NOTE)
    state = await scaffolded(bench, run, NOTE)
    here = await written_tree(state, await claimed(bench, run), bench.tools)
    names = {path.relative_to(here).as_posix() for path in here.rglob("*")}
    assert names >= {".gitignore", "kept.log", "note.txt"}
    assert not names & {"data", "a.log", "link.log", ".git", "empty"}

    state.update(await save_work(state, await claimed(bench, run), bench.tools))
    there = await written_tree(state, await claimed(bench, run), elsewhere("another-home"))
    assert {path.relative_to(there).as_posix() for path in there.rglob("*")} == names
