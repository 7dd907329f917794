"""The webhooks of a repository, and what was posted to them."""

from __future__ import annotations

from tests.fakes.github.call import Answer, Call
from tests.fakes.github.errors import Json, not_found, refused
from tests.fakes.github.records import Hook
from tests.fakes.github.routes.table import route
from tests.fakes.github.views.addresses import moment
from tests.fakes.github.views.commits import api_of
from tests.fakes.github.world import Event

_PATH = "/repos/{owner}/{repo}/hooks"
_RIGHT = "repository_hooks"


@route("GET", _PATH, f"{_RIGHT}=read")
def list_all(call: Call) -> Answer:
    """List them."""
    return call.page(list(call.repo.hooks.values()), lambda hook: _shown(call, hook))


@route("POST", _PATH, f"{_RIGHT}=write")
def create(call: Call) -> Answer:
    """Make one, and post a ping to it."""
    body, now, config = call.body, call.world.now(), call.body.get("config", {})
    if "url" not in config:
        raise refused("Hook", "url must be given")
    if any(hook.url == config["url"] for hook in call.repo.hooks.values()):
        raise refused("Hook", "Hook already exists on this repository")
    hook = Hook(
        id=call.world.next_id(),
        url=config["url"],
        content_type=config.get("content_type", "form"),
        secret=config.get("secret"),
        events=list(body.get("events", ["push"])),
        active=bool(body.get("active", True)),
        created_at=now,
        updated_at=now,
        insecure_ssl=str(config.get("insecure_ssl", "0")),
    )
    call.repo.hooks[hook.id] = hook
    _ping(call, hook)
    shown = _shown(call, hook)
    return Answer(shown, 201, {"Location": shown["url"]})


@route("GET", f"{_PATH}/{{hook_id}}", f"{_RIGHT}=read")
def get(call: Call) -> Answer:
    """Read one."""
    return Answer(_shown(call, _hook(call)))


@route("PATCH", f"{_PATH}/{{hook_id}}", f"{_RIGHT}=write")
def update(call: Call) -> Answer:
    """Change one."""
    hook, body, config = _hook(call), call.body, call.body.get("config", {})
    for field in ("url", "content_type", "secret"):
        setattr(hook, field, config.get(field, getattr(hook, field)))
    hook.events = list(body.get("events", hook.events))
    hook.events += [name for name in body.get("add_events", []) if name not in hook.events]
    hook.events = [name for name in hook.events if name not in body.get("remove_events", [])]
    hook.active, hook.updated_at = bool(body.get("active", hook.active)), call.world.now()
    return Answer(_shown(call, hook))


@route("DELETE", f"{_PATH}/{{hook_id}}", f"{_RIGHT}=write")
def delete(call: Call) -> Answer:
    """Delete one."""
    del call.repo.hooks[_hook(call).id]
    return Answer(status=204)


@route("POST", f"{_PATH}/{{hook_id}}/pings", f"{_RIGHT}=write")
def ping(call: Call) -> Answer:
    """Post a ping."""
    _ping(call, _hook(call))
    return Answer(status=204)


@route("GET", f"{_PATH}/{{hook_id}}/deliveries", f"{_RIGHT}=read")
def deliveries(call: Call) -> Answer:
    """List what was posted, the newest first."""
    hook = _hook(call)
    found = [d for d in reversed(call.world.deliveries) if d["hook_id"] == hook.id]
    return call.page(found, _delivery)


@route("POST", f"{_PATH}/{{hook_id}}/deliveries/{{delivery_id}}/attempts", f"{_RIGHT}=write")
def redeliver(call: Call) -> Answer:
    """Post something again."""
    hook, number = _hook(call), call.number("delivery_id")
    for made in call.world.deliveries:
        if made["id"] == number and made["hook_id"] == hook.id:
            again = Event(call.repo, made["event"], made["payload"], hook.id, made["guid"])
            call.world.events.put_nowait(again)
            return Answer({}, 202)
    raise not_found()


def _hook(call: Call) -> Hook:
    hook = call.repo.hooks.get(call.number("hook_id"))
    if hook is None:
        raise not_found()
    return hook


def _ping(call: Call, hook: Hook) -> None:
    payload = {"zen": "Keep it logically awesome.", "hook_id": hook.id, "hook": _shown(call, hook)}
    call.world.events.put_nowait(Event(call.repo, "ping", payload, hook.id))


def _shown(call: Call, of: Hook) -> Json:
    api = f"{api_of(call.at, call.repo)}/hooks/{of.id}"
    config = {"url": of.url, "content_type": of.content_type, "insecure_ssl": of.insecure_ssl}
    if of.secret:
        config["secret"] = "********"
    return {
        "type": "Repository",
        "id": of.id,
        "name": "web",
        "active": of.active,
        "events": of.events,
        "config": config,
        "created_at": moment(of.created_at),
        "updated_at": moment(of.updated_at),
        "url": api,
        "test_url": f"{api}/tests",
        "ping_url": f"{api}/pings",
        "deliveries_url": f"{api}/deliveries",
        "last_response": {"code": of.last_code, "status": of.last_status, "message": None},
    }


def _delivery(made: Json) -> Json:
    fields = ("id", "guid", "event", "action", "redelivery", "duration", "status", "status_code")
    return {name: made[name] for name in (*fields, "repository_id")} | {
        "delivered_at": moment(made["delivered_at"]),
        "installation_id": None,
        "throttled_at": None,
    }
