"""A small, honest set of English sentences: each means one command, and nothing is guessed.

Only a whole sentence matches. What does not is said to be not understood: it
is better to ask again than to deploy what somebody only talked about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol, TypeAlias

from graph.conversation.calls import Call
from graph.orchestrator.work import Build


class SmallTalk(StrEnum):
    """What wants a friendly word and nothing else."""

    GREETING = "greeting"
    THANKS = "thanks"


Meaning: TypeAlias = Call | Build | SmallTalk


class Interpreter(Protocol):
    """Finds out what a person means; with a model or without one."""

    async def meaning(self, text: str) -> Meaning | None:
        """Return what a text means, or nothing when that is not certain."""


class Sentences:
    """The interpreter that needs no model."""

    def __init__(self, blueprints: Sequence[str]) -> None:
        """Make it for the blueprints that can be built.

        Args:
            blueprints: Their names.
        """
        known = {name.replace("-", " "): name for name in blueprints}
        known |= {word: name for word, name in _ALSO_CALLED.items() if name in blueprints}
        self._things = known
        things = "|".join(re.escape(words).replace(r"\ ", "[ -]") for words in sorted(known, key=len)[::-1])
        self._create = re.compile(_CREATE.format(things=things or "(?!)"), re.IGNORECASE | re.DOTALL)

    async def meaning(self, text: str) -> Meaning | None:
        """See `Interpreter.meaning`."""
        said = _trimmed(text)
        if match := self._create.fullmatch(said):
            return self._build(match)
        one_line = " ".join(said.split())
        for pattern, talk in _TALK:
            if pattern.fullmatch(one_line):
                return talk
        for pattern, name in _SENTENCES:
            if match := pattern.fullmatch(one_line):
                return Call(name, _arguments(match))
        return None

    def _build(self, match: re.Match[str]) -> Build:
        thing = " ".join(match["thing"].lower().replace("-", " ").split())
        name = (match["quoted"] or match["name"] or "").strip()
        description = (match["description"] or "").strip()
        return Build(blueprint=self._things[thing], name=name, description=description)


_ALSO_CALLED = {
    "api": "web-service",
    "http api": "web-service",
    "service": "web-service",
    "web api": "web-service",
    "web app": "web-service",
    "bot": "telegram-bot",
    "cron job": "scheduled-job",
    "job": "scheduled-job",
    "site": "static-site",
    "static website": "static-site",
    "web site": "static-site",
    "website": "static-site",
}
"""What people call the things that blueprints make."""

_CREATE = (
    r"(?:create|make|build|set up|generate|i want|i need|i would like|i'd like)(?: me)?"
    r"(?: an?| the| my)?(?: new)?(?: (?:simple|small|little))?"
    r"\s+(?P<thing>{things})"
    r"(?:,?\s+(?:called|named|with the name)\s+"
    r"(?:[\"'`](?P<quoted>[^\"'`\n]+)[\"'`]|(?P<name>[^\s,:;][^\n,:;]*?)))?"
    r"(?:(?:\s+(?=(?:that|which|who|to|for|with)\s)|\s*[,:;—]\s*|\s+-\s+|\n\s*)(?P<description>.+))?"
)

_NAME = r"(?P<project>[\w][\w.-]*)"
_THE = r"(?:the )?(?:project |service )?"
_RELEASE = r"(?:release )?(?P<release>\d{1,9})"


def _sentence(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_TALK: tuple[tuple[re.Pattern[str], SmallTalk], ...] = (
    (
        _sentence(r"hi|hello|hey|hi there|hello there|good (?:morning|day|afternoon|evening)"),
        SmallTalk.GREETING,
    ),
    (_sentence(r"thanks|thank you|thx|thanks a lot|thank you very much|great,? thanks"), SmallTalk.THANKS),
)

_SENTENCES: tuple[tuple[re.Pattern[str], str], ...] = (
    (_sentence(r"help|what can you do|what can i (?:say|do)|commands|show (?:me )?the commands"), "help"),
    (_sentence(r"who am i|what may i do"), "whoami"),
    (
        _sentence(
            r"status|what(?:'s| is) (?:running|going on|happening|being done|the status)|what are you doing"
            r"|how (?:is it|are things|are you) (?:going|doing)|what runs|is anything running"
        ),
        "status",
    ),
    (_sentence(rf"(?:show (?:me )?)?(?:the )?status (?:of|for) {_THE}{_NAME}"), "status"),
    (_sentence(rf"what(?:'s| is) the status of {_THE}{_NAME}|how is {_THE}(?P<other>[\w][\w.-]*) doing"), "status"),
    (_sentence(rf"is {_THE}{_NAME} (?:running|up|live|online)"), "status"),
    (
        _sentence(
            rf"(?:(?:show|give|get) (?:me )?)?(?:the )?(?:last (?P<lines>\d{{1,9}}) )?(?:lines of )?(?:the )?logs?"
            rf"(?: (?:of|for|from) {_THE}{_NAME})?"
        ),
        "logs",
    ),
    (_sentence(rf"(?P<follow>follow|tail) (?:the )?logs?(?: (?:of|for|from) {_THE}{_NAME})?"), "logs"),
    (_sentence(r"stop (?P<unfollow>following|tailing)(?: (?:it|(?:the )?logs?(?: of [\w][\w.-]*)?))?"), "logs"),
    (_sentence(r"(?:show (?:me )?|list )?(?:my |the |all |all the |all my )?projects|what projects are there"), "projects"),
    (_sentence(r"(?:show (?:me )?|list )(?:my |the |all |all the )?runs"), "runs"),
    (
        _sentence(
            r"(?:show (?:me )?|list )(?:my |the |all |all the )?(?:approvals|questions)"
            r"|what(?:'s| is) waiting(?: for (?:me|an? (?:approval|answer)))?|what waits(?: for me)?"
        ),
        "approvals",
    ),
    (_sentence(rf"(?:show (?:me )?|list )?(?:the )?releases (?:of|for) {_THE}{_NAME}"), "releases"),
    (_sentence(rf"(?:re)?deploy {_RELEASE} of {_THE}{_NAME}"), "deploy"),
    (_sentence(rf"(?:re)?deploy {_THE}{_NAME}(?: {_RELEASE})?(?: again)?"), "deploy"),
    (_sentence(rf"roll ?back {_THE}{_NAME}(?: to {_RELEASE})?|roll {_THE}(?P<other>[\w][\w.-]*) back"), "rollback"),
    (_sentence(rf"stop {_THE}{_NAME}"), "stop"),
    (_sentence(rf"start {_THE}{_NAME}(?: again)?"), "start"),
    (_sentence(rf"restart {_THE}{_NAME}(?: again)?"), "restart"),
    (_sentence(rf"(?:remove|delete) {_THE}{_NAME}"), "remove"),
    (_sentence(r"(?:cancel|abort)(?: (?:it|that|this))?|(?:cancel|abort) (?:the )?(?:run )?#?(?P<run>\d{1,9})"), "cancel"),
    (_sentence(r"approve (?:run )?#?(?P<run>\d{1,9})"), "approve"),
)  # fmt: skip

_PRONOUNS = frozenset({"it", "this", "that", "everything", "all", "them"})
"""No project is called so: a sentence with one of them is about the obvious project, or about none."""

_POLITE = re.compile(r"(?:please,?|(?:can|could|would) you(?: please)?) ", re.IGNORECASE)
_BLANKS = re.compile(r"[^\S\n]+")
_QUOTES = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")
"""Keyboards that set type write an apostrophe and quotes in their own way."""


def _trimmed(text: str) -> str:
    """Return the sentence itself: its blanks single, its quotes straight, without please and full stop.

    Linear in the text's length, as every pattern here must be: anybody may send 16 kB of blanks.
    """
    said = _BLANKS.sub(" ", text.translate(_QUOTES)).strip().rstrip(" .!?…\n")
    if match := _POLITE.match(said):
        said = said[match.end() :]
    return said[: -len(" please")].rstrip(" ,") if said.lower().endswith(" please") else said


def _arguments(match: re.Match[str]) -> str:
    """Return what the command wants behind it: project, then release, lines or run."""
    found = match.groupdict()
    project = found.get("project") or found.get("other") or ""
    if found.get("follow") or found.get("unfollow"):
        verb = "follow" if found.get("follow") else "stop"
        return f"{'' if project.lower() in _PRONOUNS else project} {verb}".strip()
    behind = found.get("release") or found.get("lines") or found.get("run") or ""
    project = "" if project.lower() in _PRONOUNS else project
    return f"{project} {behind}".strip()
