"""What is said in the conversation: every English sentence and label of this package, to read and translate.

A module for each subject. What stands here is whole: a sentence with names for what is put into it,
never pieces that another language would put in another order. Numbers, times and lists are said by
`words`, and so is which form a number asks for. Why some sentences stand elsewhere:
docs/decisions/0013-texts.md.
"""

from graph.conversation.texts import (
    commands,
    health,
    issues,
    locks,
    logs,
    people,
    progress,
    projects,
    questions,
    reference,
    repositories,
    runs,
    search,
    sessions,
)

__all__ = [
    "commands",
    "health",
    "issues",
    "locks",
    "logs",
    "people",
    "progress",
    "projects",
    "questions",
    "reference",
    "repositories",
    "runs",
    "search",
    "sessions",
]
