"""What the bot is."""

from __future__ import annotations

from tests.fakes.telegram.errors import Json
from tests.fakes.telegram.methods.table import method
from tests.fakes.telegram.params import Params
from tests.fakes.telegram.world import World


@method("getMe")
def get_me(world: World, params: Params) -> Json:
    """The bot's own account."""
    return world.me | {
        "can_join_groups": True,
        "can_read_all_group_messages": True,
        "supports_inline_queries": False,
        "has_topics_enabled": world.private_topics,
    }


@method("logOut")
@method("close")
def log_out(world: World, params: Params) -> bool:
    """Nothing to do here: there is one server."""
    return True
