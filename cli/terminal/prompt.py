"""The prompt of a person at a terminal: what stands above it, and what is typed or picked at it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.styles import Style
from rich.console import Console, RenderableType
from rich.text import Text

from cli.terminal.completion import Known, NameCompleter
from cli.terminal.hostile import harmless, one_line
from cli.terminal.rendering import PROGRESS_MARK, lines, renderable
from cli.terminal.standing import Standing, picked
from graph.conversation.replies import Kind, Reply, ReplyChoice

REFRESH_S = 0.5
"""How often the lines above the prompt are drawn anew while something is under way."""

MOST_PROGRESS_LINES = 6
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

_STYLE = Style.from_dict(
    {
        "progress": "ansibrightblack",
        "asked": "bold ansiyellow",
        "number": "bold ansicyan",
        "selected": "reverse",
        "hint": "ansibrightblack italic",
        "prompt": "bold ansigreen",
    }
)


class TerminalPrompt:
    """Reads what a person says, and prints replies above what is being typed.

    Progress and open choices stand above the prompt and are replaced; everything
    else is printed once and scrolls.
    """

    def __init__(self, standing: Standing, known: Known, history: Path) -> None:
        """Make the prompt; nothing is shown yet.

        Args:
            standing: What stands at the moment; kept by whoever reads the replies.
            known: The names to complete.
            history: The file that keeps what was typed; made readable for its owner only.
        """
        self._standing = standing
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._selected: int | None = None
        self._held: Reply | None = None
        self._frame = 0
        self._just_printed: Reply | None = None
        self._pending = ""
        _make_private(history)
        self._session: PromptSession[str | ReplyChoice] = PromptSession(
            message=self._above_and_prompt,
            completer=NameCompleter(known),
            history=FileHistory(history),
            key_bindings=self._keys(),
            style=_STYLE,
            reserve_space_for_menu=4,
            erase_when_done=True,
            placeholder=self._placeholder,
        )
        self._session.default_buffer.on_text_changed += self._hold

    async def read(self) -> str | ReplyChoice:
        """Return the next thing the person says: a text, or a choice that was picked.

        Raises:
            EOFError: Ctrl-D, or the terminal is gone.
            KeyboardInterrupt: Ctrl-C.
        """
        self._selected, self._held = None, None
        said = await self._session.prompt_async()
        if isinstance(said, str):
            said = picked(self._offer, said) or said
        self._echo(said if isinstance(said, str) else said.label)
        return said

    async def keep_moving(self) -> None:
        """Draw the lines above the prompt anew for as long as something is under way."""
        while True:
            await asyncio.sleep(REFRESH_S)
            if self._standing.progress:
                self._session.app.invalidate()

    async def show(self, reply: Reply) -> None:
        """Print a reply above the prompt; progress only stands there until it is replaced."""
        if reply.kind is Kind.PROGRESS:
            self._session.app.invalidate()
            return
        # An open question's choices stand above the prompt, where they can be picked.
        scrolling = reply.model_copy(update={"choices": []})
        await self._print(renderable(scrolling), of=reply)

    def set_pending(self, text: str) -> None:
        """Say in a line above the prompt what is on its way; nothing, when nothing is."""
        self._pending = text
        self._session.app.invalidate()

    async def show_said(self, text: str) -> None:
        """Print what the person said in another place, or before this terminal was opened."""
        await run_in_terminal(lambda: self._echo(text))

    async def note(self, text: str) -> None:
        """Print a line that the chat itself has to say."""
        await self._print(Text(f"— {harmless(text)}", "dim italic"))

    async def grow(self, lines: str) -> None:
        """Print more lines of a log that is followed."""
        self._just_printed = None
        text = Text(harmless(lines.rstrip("\n")), "dim", overflow="fold")
        await run_in_terminal(lambda: self._console.print(text))

    @property
    def _offer(self) -> Reply | None:
        """What the numbers stand for: what the person saw when the answer was begun.

        Another question may come while a number is typed, and must not be what it answers.
        """
        return self._held or self._standing.offer

    def _hold(self, _: object = None) -> None:
        if self._held is None or not (self._session.default_buffer.text or self._selected):
            self._held = self._standing.offer

    def _select(self, number: int) -> None:
        self._hold()
        choices = self._offer.choices if self._offer else []
        self._selected = (number - 1) % len(choices) + 1 if choices else None

    async def _print(self, what: RenderableType, *, of: Reply | None = None) -> None:
        self._just_printed = of
        await run_in_terminal(lambda: self._console.print(what, Text()))

    def _echo(self, said: str) -> None:
        self._just_printed = None
        if said.strip():
            self._console.print(Text.assemble(("> ", "bold green"), (harmless(said.strip()), "bold")), Text())

    def _above_and_prompt(self) -> StyleAndTextTuples:
        self._frame += 1
        size = self._session.app.output.get_size()
        above = [*self._progress(size.columns), *self._asked(size.columns)]
        room = max(size.rows - 4, 3)
        prompt = "comment> " if self._standing.awaited else "> "
        fragments: StyleAndTextTuples = []
        for line in above[-room:]:
            fragments.extend([*line, ("", "\n")])
        return [*fragments, ("class:prompt", prompt)]

    def _progress(self, columns: int) -> list[StyleAndTextTuples]:
        spinner = SPINNER[self._frame % len(SPINNER)]
        shown: list[StyleAndTextTuples] = []
        for reply in self._standing.progress:
            first, *rest = lines(reply, columns) or [""]
            first = first.replace(PROGRESS_MARK, spinner, 1)
            shown.extend([("class:progress", line)] for line in [first, *rest][:MOST_PROGRESS_LINES])
        if self._pending:
            shown.append([("class:hint", self._pending[:columns])])
        return shown

    def _asked(self, columns: int) -> list[StyleAndTextTuples]:
        offer = self._offer
        if offer is None or not offer.choices:
            return []
        # Where the question itself stands right above, its title need not be said again.
        says_title = offer.kind is Kind.QUESTION and offer is not self._just_printed
        title = lines(offer.model_copy(update={"choices": []}), columns)[:1] if says_title else []
        shown: list[StyleAndTextTuples] = [[("class:asked", line)] for line in title]
        for number, choice in enumerate(offer.choices, start=1):
            style = "class:selected" if number == self._selected else ""
            label = one_line(choice.label)[: max(columns - 8, 8)]
            shown.append([("class:number", f"  [{number}] "), (style, label)])
        return shown

    def _placeholder(self) -> StyleAndTextTuples:
        if self._standing.awaited:
            return []
        if self._offer:
            return [("class:hint", "a number, ↓ and Enter, or a message")]
        return [("class:hint", "a message, or /help")]

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        choosing = Condition(lambda: not self._session.default_buffer.text and self._offer is not None)
        selected = choosing & Condition(lambda: self._selected is not None)

        @keys.add("down", filter=choosing)
        def _(_: KeyPressEvent) -> None:
            self._select((self._selected or 0) + 1)

        @keys.add("up", filter=selected)
        def _(_: KeyPressEvent) -> None:
            self._select((self._selected or 1) - 1)

        @keys.add("enter", filter=selected)
        def _(event: KeyPressEvent) -> None:
            event.app.exit(result=picked(self._offer, str(self._selected)))

        return keys


def _make_private(history: Path) -> None:
    history.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(history, os.O_CREAT | os.O_APPEND, 0o600))
    history.chmod(0o600)
