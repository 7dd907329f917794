"""Shows a conversation that nobody types, as a person at a terminal would see it."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from cli.terminal.hostile import harmless
from cli.terminal.rendering import renderable
from cli.terminal.standing import Standing
from graph.conversation import Kind, Reply


class Stage:
    """Prints replies, and keeps the progress of running work below them."""

    def __init__(self, standing: Standing) -> None:
        """Make it; entering it takes the terminal."""
        self._standing = standing
        self._live = Live(console=Console(highlight=False, markup=False, emoji=False), transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    async def show(self, reply: Reply) -> None:
        """Print a reply; progress only stands below until it is replaced."""
        if reply.kind is not Kind.PROGRESS:
            self._print(renderable(reply))
        self._live.update(Group(*(self._progress(one) for one in self._standing.progress)))

    async def show_said(self, text: str) -> None:
        """Print what the person says."""
        self._print(Text.assemble(("> ", "bold green"), (harmless(text), "bold")))

    async def note(self, text: str) -> None:
        """Print a line that is not part of the conversation."""
        self._print(Text(harmless(text), "dim italic"))

    async def grow(self, lines: str) -> None:
        """Print more lines of a log that is followed."""
        self._live.console.print(Text(harmless(lines.rstrip("\n")), "dim"))

    async def wait_for(self, what: str) -> None:
        """Say below what is waited for until the first progress comes."""
        self._live.update(Spinner("dots", Text(what, "dim"), style="dim"))

    def _print(self, what: RenderableType) -> None:
        self._live.console.print(what, Text(), sep="\n")

    def _progress(self, reply: Reply) -> RenderableType:
        # An answer is a progress reply without its mark: the spinner takes its place.
        return Spinner("dots", renderable(reply.model_copy(update={"kind": Kind.ANSWER})), style="cyan")
