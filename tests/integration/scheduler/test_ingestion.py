"""What a repository's head has is what is found, whatever happened in between."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha512
from pathlib import Path

import pytest

from graph.search import Place, search_code
from infrastructure.forge import FileInfo, ForgeUnavailable, LocalForge, Repository
from scheduler.ingestion import Ingested, ingest, ingestion
from scheduler.timetable import Timetable
from shared.database import Database
from shared.ids import UserId
from shared.lease import LeaseLost
from shared.ledger import documents, projects, sessions, users
from shared.ledger.documents import MOST_ATTEMPTS, State, Tally
from shared.ledger.projects import Project
from shared.ledger.users import Role
from shared.live import Live
from shared.locks import HeldLock
from shared.queue import queue_app
from tests.meanings import Meanings

WHEN = datetime(2026, 1, 2, tzinfo=UTC)
HELD = HeldLock("ingest", 1)


@dataclass
class Index:
    """A project with a repository, and the index of it."""

    database: Database
    forge: LocalForge
    tree: Path
    project: Project
    repository: Repository
    head: str | None = None
    commits: int = 0

    async def push(self, **files: str | bytes | None) -> None:
        """Write files, where `_` in a name is `/` and `__` a dot; None removes one; commit them."""
        for name, content in files.items():
            path = self.tree / name.replace("__", ".").replace("_", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink()
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.commits += 1
        commit = await self.forge.commit(
            self.repository,
            self.tree,
            branch="main",
            message="Change",
            author_date=WHEN + timedelta(seconds=self.commits),
            expected_parent=self.head,
        )
        self.head = commit.sha

    async def ingest(self, **changed: object) -> Ingested:
        return await ingest(self.database, self.forge, HELD, **changed)  # type: ignore[arg-type]

    async def search(self, query: str) -> list[Place]:
        async with self.database.connection() as connection:
            return await search_code(connection, query, projects=[self.project.id])

    async def places(self, query: str) -> list[str]:
        return [f"{place.path}:{place.symbol}" for place in await self.search(query)]

    async def tally(self) -> Tally:
        async with self.database.connection() as connection:
            [tally] = await documents.tallies(connection)
        return tally

    async def all_due(self) -> None:
        """Let the time pass that postponed documents wait."""
        async with self.database.connection() as connection:
            await connection.execute("UPDATE documents SET due_at = now()")

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        async with self.database.connection() as connection:
            return list(await (await connection.execute(query)).fetchall())


@pytest.fixture
async def index(database_url: str, tmp_path: Path) -> AsyncIterator[Index]:
    async with Database(database_url, connections=6) as database:
        async with database.transaction() as tx:
            owner = await users.ensure(tx, UserId("test:owner"), name="Owner", role=Role.OWNER)
            session = await sessions.ensure(tx, front="test", external_key="1", owner_id=owner.id)
            project = await projects.create(
                tx, name="hello", blueprint="web-service", description="", owner_id=owner.id, session_id=session.id
            )  # fmt: skip
            await tx.execute("INSERT INTO leases (name, token) VALUES ('ingest', 1)")
        forge = LocalForge(tmp_path / "home")
        repository = await forge.ensure_repository("hello", "", owner_key=str(project.id))
        async with database.transaction() as tx:
            await projects.set_repository(tx, project.id, {"name": repository.name, "url": repository.url})
        tree = tmp_path / "tree"
        tree.mkdir()
        yield Index(database, forge, tree, project, repository)


GREET = "def greet_visitor(name):\n    return f'Hello {name}'\n"


async def test_what_is_pushed_is_found_with_its_place(index: Index) -> None:
    await index.push(
        app_greeting__py=f"import os\n\n\n{GREET}", README__md="# Deploying\n\nRun the playbooks.\n"
    )

    done = await index.ingest()

    assert (done.planned, done.queued, done.indexed) == (1, 2, 2)
    [place] = await index.search("greet visitor")
    assert (place.path, place.symbol, place.first_line, place.last_line) == (
        "app/greeting.py", "greet_visitor", 4, 5,
    )  # fmt: skip
    assert place.content == GREET.rstrip("\n")


@pytest.mark.parametrize(
    "query", ["greet_visitor", "greetVisitor", "GREET", "visitor", "where is the visitor greeted? greet", "GreetVisitor()"]
)  # fmt: skip
async def test_names_are_found_whole_and_by_their_parts(index: Index, query: str) -> None:
    await index.push(a__py=GREET, b__py="def other():\n    return 1\n")
    await index.ingest()

    assert (await index.places(query))[:1] == ["a.py:greet_visitor"]


async def test_prose_is_found_by_other_forms_of_its_words(index: Index) -> None:
    await index.push(README__md="# Deploying\n\nPlaybooks are executed by the runner.\n")
    await index.ingest()

    assert await index.places("how does it execute a playbook") == ["README.md:Deploying"]
    assert await index.places("is the of") == []


async def test_a_symbol_counts_more_than_a_path_and_a_path_more_than_a_text(index: Index) -> None:
    await index.push(
        invoice__py="def x():\n    return 1\n",
        b__py="def y():\n    return 'invoice'\n",
        c__py="def invoice():\n    return 1\n",
    )
    await index.ingest()

    assert await index.places("invoice") == ["c.py:invoice", "invoice.py:x", "b.py:y"]


async def test_a_second_pass_does_nothing_and_a_change_costs_what_has_changed(index: Index) -> None:
    await index.push(a__py=GREET, b__py="def stays():\n    return 1\n")
    await index.ingest()
    before = await index.rows("SELECT id FROM chunks WHERE path = 'b.py'")

    assert not (await index.ingest()).changed
    await index.push(a__py="def welcome():\n    return 1\n")
    done = await index.ingest()

    assert (done.queued, done.indexed) == (1, 1)
    assert await index.places("greet") == []
    assert await index.places("welcome") == ["a.py:welcome"]
    assert await index.rows("SELECT id FROM chunks WHERE path = 'b.py'") == before


async def test_deleted_files_and_removed_projects_leave_the_index(index: Index) -> None:
    await index.push(a__py=GREET, b__py="def stays():\n    return 1\n")
    await index.ingest()
    await index.push(a__py=None)

    assert (await index.ingest()).gone == 1
    assert await index.places("greet") == []
    assert await index.places("stays") == ["b.py:stays"]

    async with index.database.transaction() as tx:
        await projects.remove(tx, index.project.id)
    await index.ingest()
    assert await index.rows("SELECT id FROM chunks") == []
    assert await index.rows("SELECT id FROM documents") == []


async def test_what_is_not_worth_it_is_skipped_with_the_reason(index: Index) -> None:
    await index.push(a__py=GREET)
    await index.ingest()
    await index.push(
        a__py=b"\0" + GREET.encode(), vendor_x__js="function greet() {}\n", logo__png="greet", c__py=""
    )

    done = await index.ingest()

    assert (done.skipped, done.indexed) == (4, 0)
    async with index.database.connection() as connection:
        assert dict(await documents.skipped_for(connection, index.project.id)) == {
            "it is binary": 2,
            "it is somebody else's code": 1,
            "it is empty": 1,
        }
    assert await index.places("greet") == []


async def test_two_passes_at_once_do_everything_once(index: Index) -> None:
    await index.push(**{f"m{number}__py": f"def name{number}():\n    return 1\n" for number in range(120)})

    first, second = await asyncio.gather(index.ingest(), index.ingest())

    assert first.indexed + second.indexed == 120
    assert (await index.tally()).indexed == 120
    assert await index.rows("SELECT count(*) FROM chunks") == [(120,)]


async def test_a_pass_that_lost_its_lock_writes_nothing(index: Index) -> None:
    await index.push(a__py=GREET)
    async with index.database.connection() as connection:
        await connection.execute("UPDATE leases SET token = 2 WHERE name = 'ingest'")

    with pytest.raises(LeaseLost):
        await index.ingest()

    assert await index.rows("SELECT id FROM documents") == []


async def test_a_worker_that_was_killed_is_followed_by_another_one_when_its_time_is_over(
    index: Index,
) -> None:
    await index.push(a__py=GREET)
    await index.ingest(pass_s=0)
    async with index.database.transaction() as tx:
        [taken] = await documents.take(tx, 10)

    assert (await index.ingest()).indexed == 0
    await index.all_due()
    assert (await index.ingest()).indexed == 1
    async with index.database.transaction() as tx:
        assert await documents.hold(tx, [taken]) == set()
    assert await index.places("greet") == ["a.py:greet_visitor"]


async def test_whoever_took_a_document_up_too_long_ago_writes_nothing(index: Index) -> None:
    await index.push(a__py=GREET)
    await index.ingest(pass_s=0)
    async with index.database.transaction() as tx:
        [first] = await documents.take(tx, 10)
    await index.all_due()
    async with index.database.transaction() as tx:
        [second] = await documents.take(tx, 10)
        assert await documents.hold(tx, [first]) == set()
        assert await documents.hold(tx, [second]) == {second.id}


async def test_what_changes_while_it_is_read_is_not_written_over(index: Index) -> None:
    await index.push(a__py=GREET)
    await index.ingest(pass_s=0)
    async with index.database.transaction() as tx:
        [taken] = await documents.take(tx, 10)
    await index.push(a__py="def welcome():\n    return 1\n")
    await index.ingest()

    async with index.database.transaction() as tx:
        assert await documents.hold(tx, [taken]) == set()
    assert await index.places("welcome") == ["a.py:welcome"]


@dataclass
class Broken:
    """A forge that cannot be read for a while, and some of whose contents are lost."""

    forge: LocalForge
    silent: bool = False
    lost: set[str] = field(default_factory=set)

    async def head(self, repository: Repository, branch: str) -> str | None:
        return await self.forge.head(repository, branch)

    async def files(self, repository: Repository, commit: str) -> list[FileInfo]:
        return await self.forge.files(repository, commit)

    async def contents(self, repository: Repository, blobs: Collection[str]) -> dict[str, bytes]:
        if self.silent:
            raise ForgeUnavailable("the disk is away")
        found = await self.forge.contents(repository, blobs)
        return {sha: content for sha, content in found.items() if sha not in self.lost}


@dataclass
class Odd:
    """A forge with a repository in which a file has a hash that is none."""

    forge: LocalForge
    odd: str

    async def head(self, repository: Repository, branch: str) -> str | None:
        return "0" * 40 if repository.name == self.odd else await self.forge.head(repository, branch)

    async def files(self, repository: Repository, commit: str) -> list[FileInfo]:
        if repository.name == self.odd:
            return [FileInfo("a.py", "\0", 10)]
        return await self.forge.files(repository, commit)

    async def contents(self, repository: Repository, blobs: Collection[str]) -> dict[str, bytes]:
        return await self.forge.contents(repository, blobs)


async def test_trouble_is_tried_again_after_a_pause_that_grows(index: Index) -> None:
    await index.push(a__py=GREET)
    broken = Broken(index.forge, silent=True)

    assert (await ingest(index.database, broken, HELD)).postponed == 1
    assert (await ingest(index.database, broken, HELD)).postponed == 0
    [(first,)] = await index.rows("SELECT due_at - now() FROM documents")
    await index.all_due()
    await ingest(index.database, broken, HELD)
    [(second,)] = await index.rows("SELECT due_at - now() FROM documents")
    assert isinstance(first, timedelta)
    assert isinstance(second, timedelta)
    assert timedelta(seconds=5) < first < timedelta(seconds=11) < second

    broken.silent = False
    await index.all_due()
    assert (await ingest(index.database, broken, HELD)).indexed == 1
    assert (await index.tally()).indexed == 1


async def test_a_document_that_never_succeeds_is_dead_until_it_is_retried_and_others_are_not(
    index: Index,
) -> None:
    await index.push(a__py=GREET, b__py="def stays():\n    return 1\n")
    [file] = [
        one for one in await index.forge.files(index.repository, index.head or "") if one.path == "a.py"
    ]
    broken = Broken(index.forge, lost={file.blob_sha})
    for _ in range(MOST_ATTEMPTS):
        await ingest(index.database, broken, HELD)
        await index.all_due()

    assert await index.places("stays") == ["b.py:stays"]
    async with index.database.transaction() as tx:
        [trouble] = await documents.troubles(tx, index.project.id, limit=5)
        assert (trouble.path, trouble.state, trouble.attempts) == ("a.py", State.DEAD, MOST_ATTEMPTS)
        assert trouble.error == "The repository does not have its content."
        assert not (await ingest(index.database, broken, HELD)).changed
        assert await documents.retry(tx, index.project.id) == 1
    assert (await index.ingest()).indexed == 1
    assert await index.places("greet") == ["a.py:greet_visitor"]


async def test_a_document_that_kills_its_worker_each_time_is_given_up(index: Index) -> None:
    await index.push(a__py=GREET)
    await index.ingest(pass_s=0)
    for _ in range(MOST_ATTEMPTS):
        async with index.database.transaction() as tx:
            assert len(await documents.take(tx, 10)) == 1
        await index.all_due()

    assert (await index.ingest()).indexed == 0
    assert (await index.tally()).dead == 1


async def test_names_and_contents_that_want_to_break_something_are_only_text(index: Index) -> None:
    git = ["git", f"--git-dir={index.repository.url}"]
    blob = subprocess.run(
        [*git, "hash-object", "-w", "--stdin"], input=b"def greet(): '\xff\x1b[31m'\n", check=True, capture_output=True
    ).stdout.strip()  # fmt: skip
    lines = b"".join(
        b"100644 blob " + blob + b"\t" + name + b"\0"
        for name in (b"a\xff.py", b"b\n;DROP TABLE documents;--.py", b"'\"<b>.py", b"-rf.py")
    )
    tree = subprocess.run([*git, "mktree", "-z"], input=lines, check=True, capture_output=True).stdout.strip()
    commit = subprocess.run(
        [*git, "-c", "user.name=x", "-c", "user.email=x@example.org", "commit-tree", tree, "-m", "x"],
        check=True,
        capture_output=True,
    ).stdout.strip()
    subprocess.run([*git, "update-ref", "refs/heads/main", commit], check=True)

    assert (await index.ingest()).indexed == 4
    assert len(await index.places("greet")) == 4
    assert await index.places("greet' & | ! :* \\ \0 ( <->") != []


async def test_paths_too_long_for_the_database_are_skipped_and_the_rest_is_found(index: Index) -> None:
    # What repeats itself is compressed until it fits.
    folders = "_".join(sha512(str(number).encode()).hexdigest() for number in range(24))
    await index.push(**{"a__py": GREET, f"{folders}_b__py": GREET, f"{folders}_c__py": GREET})

    done = await index.ingest()

    assert (done.indexed, done.skipped) == (1, 2)
    async with index.database.connection() as connection:
        assert await documents.skipped_for(connection, index.project.id) == [("its path is too long", 2)]
    await index.push(a__py=None)
    done = await index.ingest()
    assert (done.skipped, done.gone) == (0, 1), "they are known by then"


async def test_a_repository_that_the_database_refuses_does_not_stop_the_others(index: Index) -> None:
    await index.push(a__py=GREET)
    async with index.database.transaction() as tx:
        odd = await projects.create(
            tx, name="an-odd-one", blueprint="web-service", description="",
            owner_id=index.project.owner_id, session_id=index.project.session_id,
        )  # fmt: skip
        repository = await index.forge.ensure_repository("an-odd-one", "", owner_key=str(odd.id))
        await projects.set_repository(tx, odd.id, {"name": repository.name, "url": repository.url})
    forge = Odd(index.forge, odd="an-odd-one")

    done = await ingest(index.database, forge, HELD)

    assert done.out_of_reach == ["an-odd-one"]
    assert done.indexed == 1


async def test_one_repository_out_of_reach_does_not_stop_the_others(index: Index) -> None:
    await index.push(a__py=GREET)
    async with index.database.transaction() as tx:
        lost = await projects.create(
            tx, name="gone", blueprint="web-service", description="",
            owner_id=index.project.owner_id, session_id=index.project.session_id,
        )  # fmt: skip
        await projects.set_repository(tx, lost.id, {"name": "gone", "url": "gone"})

    done = await index.ingest()

    assert done.out_of_reach == ["gone"]
    assert done.indexed == 1


async def test_secrets_in_code_are_not_shown(index: Index) -> None:
    token = "ghp_" + "a1B2" * 9
    await index.push(a__py=f"def greet():\n    token = '{token}'\n")
    await index.ingest()

    [place] = await index.search("greet")
    assert token not in place.content


async def test_with_a_model_places_are_found_by_what_they_mean(index: Index) -> None:
    await index.push(a__py=GREET, b__py="def pay():\n    return 1\n")
    model = Meanings()
    assert (await index.ingest(embedder=model)).indexed == 2
    vector = await model.embed_question("salutation")

    async with index.database.connection() as connection:
        by_meaning = await search_code(
            connection, "salutation", projects=[index.project.id], vector=vector, model=model.model
        )
        by_words = await search_code(connection, "salutation", projects=[index.project.id])

    assert [place.path for place in by_meaning] == ["a.py", "b.py"]
    assert by_words == []


async def test_a_model_that_is_away_leaves_words_searchable_and_is_asked_again(index: Index) -> None:
    await index.push(a__py=GREET)
    model = Meanings(broken=True)

    assert (await index.ingest(embedder=model)).postponed == 1
    assert await index.places("greet") == ["a.py:greet_visitor"]

    model.broken = False
    await index.all_due()
    assert (await index.ingest(embedder=model)).indexed == 1
    assert await index.rows("SELECT model FROM chunk_vectors") == [("topics",)]
    assert not (await index.ingest(embedder=model)).changed


async def test_another_model_gives_everything_new_vectors_without_reading_it_again(index: Index) -> None:
    await index.push(a__py=GREET)
    await index.ingest()
    before = await index.rows("SELECT id FROM chunks")

    for name in ("first", "second"):
        model = Meanings(name)
        assert (await index.ingest(embedder=model)).indexed == 1
        assert len(model.asked) == 1
    assert await index.rows("SELECT model FROM chunk_vectors") == [("second",)]
    assert await index.rows("SELECT id FROM chunks") == before


async def test_the_timetable_keeps_the_index_without_being_asked(index: Index, redis_url: str) -> None:
    await index.push(a__py=GREET)
    queue = queue_app()
    async with Live(redis_url) as live, queue.open_async(index.database.pool):
        timetable = Timetable(
            index.database, live, [ingestion(index.database, index.forge, cron="* * * * * *")]
        )
        running = asyncio.create_task(timetable.run(queue))
        async with asyncio.timeout(60):
            while await index.places("greet") != ["a.py:greet_visitor"]:
                await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
