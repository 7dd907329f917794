"""The menu of commands, per scope and language, and what the bot says of itself."""

from __future__ import annotations

import json
import re

from tests.fakes.telegram.errors import Json, bad_request
from tests.fakes.telegram.methods.table import method
from tests.fakes.telegram.params import Params
from tests.fakes.telegram.world import World

COMMAND = re.compile(r"[a-z0-9_]{1,32}")
COMMANDS_LIMIT = 100
DESCRIPTION_LIMIT = 256
SCOPES = frozenset(
    [
        "default",
        "all_private_chats",
        "all_group_chats",
        "all_chat_administrators",
        "chat",
        "chat_administrators",
        "chat_member",
    ]
)


@method("setMyCommands")
def set_my_commands(world: World, params: Params) -> bool:
    """Replace the commands of a scope and language."""
    commands = params.parsed("commands", "commands") or []
    if len(commands) > COMMANDS_LIMIT:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    world.commands[_key(world, params)] = [_checked(command) for command in commands]
    return True


@method("getMyCommands")
def get_my_commands(world: World, params: Params) -> list[Json]:
    """The commands of exactly this scope and language."""
    return world.commands.get(_key(world, params), [])


@method("deleteMyCommands")
def delete_my_commands(world: World, params: Params) -> bool:
    """Forget the commands of a scope and language."""
    world.commands.pop(_key(world, params), None)
    return True


@method("setMyDescription")
def set_my_description(world: World, params: Params) -> bool:
    """What an empty chat with the bot shows."""
    return _set(world, params, "description", 512)


@method("setMyShortDescription")
def set_my_short_description(world: World, params: Params) -> bool:
    """What the bot's profile shows."""
    return _set(world, params, "short_description", 120)


@method("setMyName")
def set_my_name(world: World, params: Params) -> bool:
    """The bot's name."""
    return _set(world, params, "name", 64)


@method("getMyDescription")
def get_my_description(world: World, params: Params) -> Json:
    """What `setMyDescription` set."""
    return _get(world, params, "description")


@method("getMyShortDescription")
def get_my_short_description(world: World, params: Params) -> Json:
    """What `setMyShortDescription` set."""
    return _get(world, params, "short_description")


def scope_key(scope: Json | None) -> str:
    """A scope as a key: alike whatever order its fields came in."""
    return json.dumps(scope or {"type": "default"}, sort_keys=True)


def _key(world: World, params: Params) -> tuple[str, str]:
    scope = params.parsed("scope", "bot command scope")
    if scope is not None and scope.get("type") not in SCOPES:
        raise bad_request("can't parse BotCommandScope: Unsupported type specified")
    if scope is not None and "chat_id" in scope:
        world.open_chat(scope["chat_id"])
    language = params.text("language_code") or ""
    if language and not re.fullmatch("[a-z]{2}", language):
        raise bad_request("LANG_CODE_INVALID")
    return scope_key(scope), language


def _checked(command: Json) -> Json:
    name, description = str(command.get("command", "")).removeprefix("/"), command.get("description", "")
    if not COMMAND.fullmatch(name):
        raise bad_request("BOT_COMMAND_INVALID")
    if not 1 <= len(description) <= DESCRIPTION_LIMIT:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return {**command, "command": name}


def _set(world: World, params: Params, what: str, limit: int) -> bool:
    text = params.text(what) or ""
    if len(text) > limit:
        raise bad_request(f"bot {what.replace('_', ' ')} is too long")
    world.profile[what, params.text("language_code") or ""] = text
    return True


def _get(world: World, params: Params, what: str) -> Json:
    return {what: world.profile.get((what, params.text("language_code") or ""), "")}
