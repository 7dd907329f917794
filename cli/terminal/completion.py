"""What can be completed at the prompt: commands, and the names that belong behind them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from cli.terminal.hostile import one_line


@dataclass(frozen=True, slots=True)
class KnownCommand:
    """A command as far as its completion goes."""

    summary: str
    arguments: str = ""
    """What belongs behind it, as `/help` writes it: `[run] [comment]`."""

    @property
    def first_argument(self) -> str:
        """The name of what comes first behind it, without brackets."""
        return self.arguments.split(" ")[0].strip("<>[]")


@dataclass(slots=True)
class Known:
    """The names there are; filled anew while the chat is open."""

    commands: dict[str, KnownCommand] = field(default_factory=dict)
    projects: dict[str, str] = field(default_factory=dict)
    blueprints: dict[str, str] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    """The newest runs' numbers, with their titles."""


class NameCompleter(Completer):
    """Completes a command, and the blueprint, run or project that belongs behind it."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Return what the word before the cursor may become."""
        before = document.text_before_cursor
        if not before.startswith("/"):
            return
        *earlier, word = before.split(" ")
        for name, meaning in self._candidates(earlier).items():
            if name.startswith(word.lower()) and name != word:
                yield Completion(name, start_position=-len(word), display_meta=one_line(meaning))

    def _candidates(self, earlier: list[str]) -> dict[str, str]:
        match earlier:
            case []:
                return {f"/{name}": command.summary for name, command in self._known.commands.items()}
            case [command] if known := self._known.commands.get(command.removeprefix("/")):
                return self._names(known.first_argument)
        return {}

    def _names(self, argument: str) -> dict[str, str]:
        names = {
            "blueprint": self._known.blueprints,
            "run": self._known.runs,
            "project": self._known.projects,
        }
        return names.get(argument, {})
