"""What people press."""

from __future__ import annotations

from aiogram import Router
from aiogram.types import CallbackQuery

from bot import outbox, presses, texts
from bot.arrived import Arrived
from bot.hearing import Hearing
from bot.outbox import Row
from bot.outgoing import Document, Outgoing, Toast, Words
from graph.conversation import Decision, changes_something
from graph.conversation.replies import CommandChoice, DecisionChoice, ReplyChoice
from shared.database import Database


def buttons(database: Database, hearing: Hearing) -> Router:
    """Return the router of pressed buttons: callback data is an id, whose meaning is in the outbox.

    Whether a question may still be answered, and by whom, the conversation says.
    """
    router = Router(name="buttons")

    @router.callback_query()
    async def pressed(query: CallbackQuery, arrived: Arrived) -> None:
        """Do what the button says, or explain to who pressed it why not."""
        async with database.connection() as connection:
            found = await outbox.choice_of(connection, query.data or "")
            refused = _why_not(found, query, arrived)
        if found is not None and not refused and _changes_something(found[0]):
            async with database.transaction() as tx:
                refused = await presses.why_not(tx, arrived, query.data or "", found[1])
        if found is None or refused:
            await hearing.say(arrived, Toast(query_id=query.id, text=refused, alert=True))
            return
        choice, row = found
        # A message that Telegram no longer shows comes without its topic; ours knows it.
        match choice:
            case DecisionChoice(approval_id=approval_id, key=key):
                decision = Decision(approval_id=approval_id, choice=key)
                await hearing.hear(arrived, decision=decision, place=row.place)
            case CommandChoice(command=command):
                await hearing.hear(arrived, command, place=row.place)

    return router


def _why_not(found: tuple[ReplyChoice, Row] | None, query: CallbackQuery, arrived: Arrived) -> str:
    """Return why a button does nothing; empty when it does something."""
    if found is None:
        return texts.UNKNOWN_BUTTON
    choice, row = found
    if row.chat_id != arrived.place.chat_id:
        return texts.FOREIGN_BUTTON
    if isinstance(choice, CommandChoice) and not _offers(row.content, query.data):
        return texts.STALE_BUTTON
    return ""


def _changes_something(choice: ReplyChoice) -> bool:
    """Whether a button's command changes something; that a question is decided once, the ledger sees to."""
    return isinstance(choice, CommandChoice) and changes_something(choice.command)


def _offers(content: Outgoing, button_id: str | None) -> bool:
    """Whether a message still has a button, or should have: an older version may be on a screen."""
    match content:
        case Words(buttons=lines) | Document(buttons=lines):
            return any(button.id == button_id for line in lines for button in line)
        case Toast():
            return False
