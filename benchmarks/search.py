"""Indexing and searching: 5,000 files, and how often the right place is found.

python -m benchmarks.search
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import shutil
import sysconfig
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

import uvloop

from benchmarks.installation import Parts, servers
from graph.search import search_code
from infrastructure.forge import LocalForge, Repository
from scheduler.ingestion import ingest
from shared.database import Database
from shared.ids import UserId
from shared.ledger import projects, sessions, users
from shared.ledger.projects import Project
from shared.ledger.users import Role
from shared.live import Live
from shared.locks import HeldLock, redis_lock

FILES = 5000
CHANGED = 50
QUERIES = 100
PLACES = 10
LABELLED = Path(__file__).parent / "data" / "search_questions.json"
"""Questions, each with the files that answer it; labelled by hand before anything was searched."""

LIBRARIES = (
    "procrastinate", "starlette", "fastapi", "httpx", "uvicorn", "redis", "structlog", "psycopg_pool", "langgraph",
)  # fmt: skip
"""What the questions are about, as requirements.lock pins it: real code that does not change with ours."""

_SYLLABLES = (
    "ba", "cor", "de", "fin", "gor", "hal", "ju", "kel", "li", "mon", "ner", "po", "qui", "ras", "su", "tel",
)  # fmt: skip
WORDS = ["".join(parts) for parts in itertools.product(_SYLLABLES, repeat=3)]
"""4,096 words, used as words are (Zipf): the first in every file, the last hardly ever."""

UP_TO = list(itertools.accumulate(1 / rank for rank in range(1, len(WORDS) + 1)))


@dataclass(frozen=True, slots=True)
class Question:
    """Something to ask, and the files that answer it."""

    text: str
    paths: frozenset[str]


async def main() -> None:
    """Print all figures."""
    async with (
        servers() as parts,
        Database(parts.database_url) as database,
        Live(parts.redis_url) as live,
        redis_lock(live, database, "ingest", ttl_s=30) as held,
    ):
        await _speed(parts, database, held)
        await _recall(parts, database, held)


async def _speed(parts: Parts, database: Database, held: HeldLock) -> None:
    forge = LocalForge(parts.home)
    rng = random.Random(4)
    async with _tree() as tree:
        # Off the loop, on which the lock is renewed.
        await asyncio.to_thread(_write_all, tree, FILES, rng)
        project, repository = await _project(database, forge, "generated")
        first = await _commit(forge, repository, tree, None)
        await _pass(database, forge, held, f"{FILES} files, nothing indexed")
        await _pass(database, forge, held, "nothing has changed")
        await asyncio.to_thread(_write_all, tree, CHANGED, rng)
        await _commit(forge, repository, tree, first)
        await _pass(database, forge, held, f"{CHANGED} files have changed")
    await _latency(database, project, rng)


async def _pass(database: Database, forge: LocalForge, held: HeldLock, what: str) -> None:
    started = time.perf_counter()
    done = await ingest(database, forge, held, pass_s=600)
    took = time.perf_counter() - started
    rate = f"{done.indexed / took:7.0f} files/s" if done.indexed else ""
    print(f"{what:36} {took:7.2f} s {rate}")


async def _latency(database: Database, project: Project, rng: random.Random) -> None:
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(*), pg_size_pretty(pg_total_relation_size('chunks')) FROM chunks"
        )
        row = await cursor.fetchone()
        assert row is not None
        print(f"{row[0]} chunks, {row[1]} with their index")
        for count in (1, 2, 4, 8):
            took: list[float] = []
            for _ in range(QUERIES):
                query = " ".join(_words(rng, count))
                started = time.perf_counter()
                await search_code(connection, query, projects=[project.id], limit=PLACES)
                took.append(time.perf_counter() - started)
            p95 = quantiles(took, n=20)[-1]
            print(
                f"a query of {count} words{'':12} median {median(took) * 1000:6.1f} ms   p95 {p95 * 1000:6.1f} ms"
            )


async def _recall(parts: Parts, database: Database, held: HeldLock) -> None:
    forge = LocalForge(parts.home)
    async with _tree() as tree:
        installed = Path(sysconfig.get_paths()["purelib"])
        for name in LIBRARIES:
            shutil.copytree(installed / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        project, repository = await _project(database, forge, "libraries")
        await _commit(forge, repository, tree, None)
        await _pass(database, forge, held, f"{len(LIBRARIES)} libraries")
    questions = _questions()
    found: list[bool] = []
    reciprocal: list[float] = []
    async with database.connection() as connection:
        for question in questions:
            places = await search_code(connection, question.text, projects=[project.id], limit=PLACES)
            ranks = [rank for rank, place in enumerate(places, start=1) if place.path in question.paths]
            found.append(bool(ranks))
            reciprocal.append(1 / ranks[0] if ranks else 0.0)
            if not ranks:
                print(f"  not found: {question.text}")
    print(
        f"{len(questions)} labelled questions: recall@{PLACES} {sum(found) / len(found):.2f}, "
        f"mean reciprocal rank {sum(reciprocal) / len(reciprocal):.2f}"
    )


def _questions() -> list[Question]:
    return [
        Question(one["question"], frozenset(one["paths"]))
        for one in json.loads(LABELLED.read_text(encoding="utf-8"))
    ]


@asynccontextmanager
async def _tree() -> AsyncIterator[Path]:
    with tempfile.TemporaryDirectory(prefix="telewright-benchmark-") as directory:
        yield Path(directory)


async def _project(database: Database, forge: LocalForge, name: str) -> tuple[Project, Repository]:
    async with database.transaction() as tx:
        owner = await users.ensure(tx, UserId("benchmark:owner"), name="Benchmark", role=Role.OWNER)
        session = await sessions.ensure(tx, front="benchmark", external_key="1", owner_id=owner.id)
        project = await projects.create(
            tx, name=name, blueprint="web-service", description="", owner_id=owner.id, session_id=session.id
        )
    repository = await forge.ensure_repository(name, "", owner_key=str(project.id))
    async with database.transaction() as tx:
        await projects.set_repository(tx, project.id, {"name": repository.name, "url": repository.url})
    return project, repository


async def _commit(forge: LocalForge, repository: Repository, tree: Path, parent: str | None) -> str:
    commit = await forge.commit(
        repository,
        tree,
        branch="main",
        message="Change things",
        author_date=datetime(2026, 1, 1, tzinfo=UTC),
        expected_parent=parent,
    )
    return commit.sha


def _write_all(tree: Path, count: int, rng: random.Random) -> None:
    for number in range(count):
        _write(tree, number, rng)


def _write(tree: Path, number: int, rng: random.Random) -> None:
    """Write one file of ordinary size: 120 lines of classes and functions, or of prose."""
    folder = tree / WORDS[number % 50] / WORDS[number // 50 % 50]
    folder.mkdir(parents=True, exist_ok=True)
    match number % 10:
        case 0:
            (folder / f"page_{number}.md").write_text(_prose(rng))
        case 1 | 2:
            (folder / f"module_{number}.ts").write_text(_typescript(rng))
        case _:
            (folder / f"module_{number}.py").write_text(_python(rng))


def _prose(rng: random.Random) -> str:
    return "\n".join(
        f"{'#' * rng.randint(1, 3)} {' '.join(_words(rng, 3))}\n\n"
        + "\n".join(" ".join(_words(rng, 12)) for _ in range(8))
        for _ in range(10)
    )


def _python(rng: random.Random) -> str:
    return "\n\n".join(
        f'class {_camel(rng)}:\n    """{" ".join(_words(rng, 6))}."""\n\n'
        + "\n\n".join(
            f"    def {_snake(rng)}(self, {_word(rng)}: int) -> int:\n"
            + "\n".join(f"        {_snake(rng)} = self.{_snake(rng)}({_word(rng)})" for _ in range(7))
            for _ in range(4)
        )
        for _ in range(3)
    )


def _typescript(rng: random.Random) -> str:
    return "\n\n".join(
        f"export function {_camel(rng)}({_word(rng)}: string) {{\n"
        + "\n".join(f"  const {_snake(rng)} = {_camel(rng)}({_word(rng)});" for _ in range(10))
        + "\n}"
        for _ in range(9)
    )


def _camel(rng: random.Random) -> str:
    return "".join(_some(rng, str.capitalize))


def _snake(rng: random.Random) -> str:
    return "_".join(_some(rng, str.lower))


def _some(rng: random.Random, form: Callable[[str], str]) -> Sequence[str]:
    return [form(word) for word in _words(rng, 2)]


def _word(rng: random.Random) -> str:
    return _words(rng, 1)[0]


def _words(rng: random.Random, count: int) -> list[str]:
    return rng.choices(WORDS, cum_weights=UP_TO, k=count)


if __name__ == "__main__":
    uvloop.run(main())
