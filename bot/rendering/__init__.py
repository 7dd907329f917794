"""One place that turns domain results into Telegram's messages: text with entities, buttons and files."""

from bot.rendering.addressee import Addressee
from bot.rendering.closing import render_decided
from bot.rendering.progress import render_progress
from bot.rendering.replies import render
from bot.rendering.toasts import render_toast

__all__ = ["Addressee", "render", "render_decided", "render_progress", "render_toast"]
