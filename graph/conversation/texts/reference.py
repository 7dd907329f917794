"""The page on the commands, besides their table: docs/reference/commands.md."""

from __future__ import annotations

from typing import Final


def head(most_kb: int) -> str:
    """Begin the page; the rows of the table follow."""
    return f"""\
# Commands

What may be said in every front: the terminal, and the Telegram bot. Written by
`python -m graph.conversation.reference > docs/reference/commands.md`; a test
keeps it true.

`<needed>` must be written, `[left out]` need not be. A project that is left out
is the obvious one: the only one of this conversation, else the only one there
is, else the one of the newest run here. The answer says which one was taken.
Viewers may use what says “viewer”; who may answer a question, the question
says. A message may have {most_kb} kB.

| Command | What it does | From role | Example |
|---|---|---|---|
"""


PLAIN_TEXT: Final = """
## Plain text

Text without a slash continues the conversation. It is taken as the first of
these that it can be:

1. A question that changes nothing: “What is running?”, “show logs of hello”.
2. The comment that was asked for, after “Change it” was chosen, for as long as
   the question stands. “never mind” leaves it, “none” sends none.
3. An answer to what a run of this conversation asks: a choice as it is written
   on its button, “approve”, “yes”, “no, because …”, “reject: …”. If several
   questions wait, it is asked which one is meant.
4. The free text that a run's question waits for.
5. A wish: “Create a web service called hello”, “make a telegram bot named x
   that counts words”, “deploy hello”, “roll back hello to release 2”, “stop
   hello”, “start hello”, “restart hello”, “remove hello”, “cancel”.

In Telegram, a reply to a message about a run speaks to that run: what answers a
question answers that run's, and `/cancel`, `/status`, `/logs`, `/details`,
`/approve`, `/reject`, `/answer` and the commands on a project mean that run and
its project when nothing is named. A run that asks nothing says so. A reply to a
question, or to the prompt for a comment on it, speaks to that question. Where
people talk to one another, “yes”, “no” and the like answer only as a reply; what
replies to somebody else there, or names them, is not for the bot.

Files that come with a message belong to the conversation, and to the work that
the message starts. Files of up to 10 MB are taken: text, images, PDF, zip.

Ids of `/users`: `42` and `telegram:42` are Telegram users, a negative number is
a Telegram group. Who is let in without a role is an operator.

Only a whole sentence is understood. What is not is said to be not understood,
and nothing is done.
"""
"""The rest of the page."""
