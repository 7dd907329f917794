"""Which project a message is about: the one it names, or the obvious one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graph.conversation import texts
from shared.database import Connection
from shared.errors import BadInput
from shared.ids import SessionId
from shared.ledger import projects, runs
from shared.ledger.projects import NoSuchProject, Project
from shared.ledger.runs import Run

_NAMES_SHOWN = 20


class WhichProject(BadInput):
    """There are several projects: say which one."""

    code = "which_project"
    advice = "Write its name behind the command."


@dataclass(frozen=True, slots=True)
class Chosen:
    """A project, and the words behind its name."""

    project: Project
    rest: list[str]
    named: bool

    @property
    def remark(self) -> str:
        """Which project was taken, when nobody named it."""
        return "" if self.named else texts.projects.about(self.project.name)


async def choose(
    tx: Connection, session_id: SessionId, words: Sequence[str], about: Run | None = None
) -> Chosen:
    """Return the project that the first word names; without a name, the session's obvious one.

    A number is never a project's name: a release or a count of lines may
    stand alone.

    Args:
        tx: Where projects are looked up.
        session_id: The conversation.
        words: What was written behind a command.
        about: The run that was spoken to: its project is the obvious one.

    Raises:
        NoSuchProject: There is none of that name; the message says which there are.
        WhichProject: None was named, and more than one could be meant.
    """
    if words and not words[0].isdecimal():
        return Chosen(await _named(tx, words[0]), list(words[1:]), named=True)
    if about is not None:
        return Chosen(await _worked_on(tx, about), list(words), named=False)
    return Chosen(await _obvious(tx, session_id), list(words), named=False)


async def _named(tx: Connection, name: str) -> Project:
    known = await projects.all_of_them(tx)
    for project in known:
        if project.name == name.lower():
            return project
    raise NoSuchProject(texts.projects.no_such(name[:80]), advice=_names(known))


async def _worked_on(tx: Connection, run: Run) -> Project:
    if run.project_id is None:
        raise NoSuchProject(texts.projects.run_without(run.number, run.title), advice=texts.projects.NAME_IT)
    project = await projects.get(tx, run.project_id)
    if project.removed_at is not None:
        raise NoSuchProject(texts.projects.removed(project.name, run.number), advice=texts.projects.NAME_IT)
    return project


async def _obvious(tx: Connection, session_id: SessionId) -> Project:
    known = await projects.all_of_them(tx)
    own = [project for project in known if project.session_id == session_id]
    for candidates in (own, known):
        if len(candidates) == 1:
            return candidates[0]
    for run in await runs.of_session(tx, session_id, limit=1):
        for project in known:
            if project.id == run.project_id:
                return project
    if not known:
        raise NoSuchProject(texts.projects.NONE_YET, advice=_names(known))
    raise WhichProject(advice=_names(known))


def _names(known: Sequence[Project]) -> str:
    if not known:
        return texts.projects.MAKE_THE_FIRST
    names = [project.name for project in known[:_NAMES_SHOWN]]
    if len(known) > _NAMES_SHOWN:
        return texts.projects.there_are_more(names, len(known) - _NAMES_SHOWN)
    return texts.projects.there_are(names)
