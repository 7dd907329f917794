"""The tests here import aiogram before anything of the bot's; they too need not wait for all of its types."""

from bot import deferral  # noqa: F401
