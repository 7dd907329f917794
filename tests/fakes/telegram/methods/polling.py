"""How updates reach the bot: asked for, or posted to an address."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from tests.fakes.telegram.errors import Json, bad_request, conflict
from tests.fakes.telegram.methods.table import method
from tests.fakes.telegram.params import Params
from tests.fakes.telegram.updates import WEBHOOK_IS_SET
from tests.fakes.telegram.world import Webhook, World

SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")


@method("getUpdates")
async def get_updates(world: World, params: Params) -> list[Json]:
    """Confirm what is below the offset; wait for more."""
    if world.webhook.url:
        raise conflict(WEBHOOK_IS_SET)
    _set_allowed(world, params)
    return await world.updates.read(
        params.integer("offset") or 0,
        params.integer("limit") or 100,
        float(params.integer("timeout") or 0),
        params.alive,
    )


@method("setWebhook")
def set_webhook(world: World, params: Params) -> bool:
    """Post updates to an address from now on."""
    url, secret = params.text("url") or "", params.text("secret_token")
    if not url:
        return _forget_webhook(world, params)
    # Telegram itself wants HTTPS; a self-hosted server in local mode takes HTTP as well.
    if urlsplit(url).scheme not in {"http", "https"}:
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if secret is not None and not SECRET.fullmatch(secret):
        raise bad_request("secret token contains unallowed characters")
    _set_allowed(world, params)
    if params.flag("drop_pending_updates"):
        world.updates.clear()
    world.updates.interrupt("terminated by setWebhook request")
    world.webhook = Webhook(url, secret, params.integer("max_connections") or 40)
    return True


@method("deleteWebhook")
def delete_webhook(world: World, params: Params) -> bool:
    """Go back to being asked."""
    return _forget_webhook(world, params)


@method("getWebhookInfo")
def get_webhook_info(world: World, params: Params) -> Json:
    """Where updates are posted to, and how well it goes."""
    webhook = world.webhook
    info: Json = {
        "url": webhook.url,
        "has_custom_certificate": False,
        "pending_update_count": len(world.updates.pending),
    }
    if webhook.url:
        info |= {"max_connections": webhook.max_connections, "ip_address": "127.0.0.1"}
    if webhook.last_error_date:
        info |= {"last_error_date": webhook.last_error_date, "last_error_message": webhook.last_error_message}
    if world.updates.allowed:
        info["allowed_updates"] = world.updates.allowed
    return info


def _set_allowed(world: World, params: Params) -> None:
    allowed = params.parsed("allowed_updates")
    if allowed is not None:
        world.updates.allowed = list(allowed) or None


def _forget_webhook(world: World, params: Params) -> bool:
    world.webhook = Webhook()
    if params.flag("drop_pending_updates"):
        world.updates.clear()
    return True
