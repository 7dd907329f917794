"""What a project's people are told of its repository on GitHub: what nobody here has done, and they should know."""

from __future__ import annotations

from graph.conversation.replies import Kind, Reply, Text
from shared import tracing
from shared.database import Connection
from shared.ids import SessionId
from shared.ledger import projects, sessions
from shared.ledger.projects import Project
from shared.ledger.repositories import Known, Standing


async def say_gone(tx: Connection, known: Known) -> SessionId:
    """Say that a repository is gone. Returns where: its readers are to be woken after the commit."""
    project = await projects.get(tx, known.project_id)
    called = f"{known.owner}/{known.name}" if known.name else f"of {project.name}"
    return await _say(
        tx,
        project,
        f"The repository {called} is no longer on GitHub, or the token may not see it any more. "
        f"What runs of {project.name} goes on running. Restore the repository in its owner's settings on GitHub, "
        f"give the token access to it, or remove the project with /remove {project.name}.",
    )


async def say_news(tx: Connection, known: Known, seen: Standing) -> SessionId | None:
    """Say what a repository is now that it was not before, if that is for people.

    Args:
        tx: The transaction that stores it.
        known: What was known.
        seen: What it is.

    Returns:
        Where something was said: its readers are to be woken after the commit.
    """
    if known.name is None:
        return None
    project = await projects.get(tx, known.project_id)
    news = " ".join(_news(project, known, seen))
    return await _say(tx, project, news) if news else None


def _news(project: Project, known: Known, seen: Standing) -> list[str]:
    before, now = f"{known.owner}/{known.name}", f"{seen.owner}/{seen.name}"
    told = []
    if known.gone_at is not None:
        told.append(f"The repository of {project.name} is back on GitHub: {now}.")
    if before != now:
        told.append(f"The repository of {project.name} is called {now} on GitHub now; it was {before}.")
    if seen.archived and not known.archived:
        told.append(f"The repository {now} of {project.name} was archived on GitHub: nothing can be pushed.")
    if known.archived and not seen.archived:
        told.append(f"The repository {now} of {project.name} is no longer archived on GitHub.")
    return told


async def _say(tx: Connection, project: Project, text: str) -> SessionId:
    reply = Reply(blocks=[Text(text=text)], kind=Kind.NOTICE)
    with tracing.bind(session_id=project.session_id) as trace_id:
        await sessions.say(
            tx,
            project.session_id,
            author="telewright",
            body=reply.model_dump(mode="json"),
            trace_id=trace_id,
        )
    return project.session_id
