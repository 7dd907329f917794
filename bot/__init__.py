"""The Telegram front: what comes in is stored before it is acknowledged, what goes out is a row first."""

from bot.deferral import import_types

# Before any of our modules imports aiogram itself.
import_types()
