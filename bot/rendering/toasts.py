"""What somebody who pressed a button is told, over the chat."""

from __future__ import annotations

from bot.outgoing import Toast
from bot.rendering.text import cut, one_line, visible
from graph.conversation.replies import Reply

_LONGEST = 200
"""Characters that Telegram shows (https://core.telegram.org/bots/api#answercallbackquery)."""


def render_toast(reply: Reply, query_id: str) -> Toast:
    """Return a reply in a few words; what went wrong has to be closed by hand."""
    words = cut(one_line(reply.plain), _LONGEST)
    return Toast(query_id=query_id, text=words if visible(words) else "", alert=reply.error is not None)
