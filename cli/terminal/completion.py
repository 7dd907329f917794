"""What can be completed at the prompt: commands, and the names that belong behind them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from cli.terminal.hostile import one_line


@dataclass(slots=True)
class Known:
    """The names there are; filled anew while the chat is open."""

    commands: dict[str, str] = field(default_factory=dict)
    """Each command without its slash, with what it does."""
    projects: list[str] = field(default_factory=list)
    blueprints: list[str] = field(default_factory=list)
    runs: dict[str, str] = field(default_factory=dict)
    """The numbers of the newest runs, with their titles."""


class NameCompleter(Completer):
    """Completes a command, and behind it blueprints for `/new`, runs for `/cancel`, else projects."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Return what the word before the cursor may become."""
        before = document.text_before_cursor
        if not before.startswith("/"):
            return
        *earlier, word = before.split(" ")
        for name, meaning in self._candidates(earlier):
            if name.startswith(word.lower()) and name != word:
                yield Completion(name, start_position=-len(word), display_meta=one_line(meaning))

    def _candidates(self, earlier: list[str]) -> Iterator[tuple[str, str]]:
        match earlier:
            case []:
                yield from ((f"/{name}", meaning) for name, meaning in self._known.commands.items())
            case ["/new"]:
                yield from ((name, "") for name in self._known.blueprints)
            case ["/cancel" | "/runs" | "/approvals"]:
                yield from self._known.runs.items()
            case [command] if command.removeprefix("/") in self._known.commands:
                yield from ((name, "") for name in self._known.projects)
