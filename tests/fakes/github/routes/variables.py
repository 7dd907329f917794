"""The variables of a repository's workflows."""

from __future__ import annotations

from tests.fakes.github.call import Answer, Call
from tests.fakes.github.errors import ApiError, Json, not_found
from tests.fakes.github.records import Stored
from tests.fakes.github.routes.table import route
from tests.fakes.github.views.addresses import moment

_PATH = "/repos/{owner}/{repo}/actions/variables"


@route("GET", _PATH, "actions_variables=read")
def list_all(call: Call) -> Answer:
    """List them."""
    return call.page(list(call.repo.variables.values()), _shown, "variables")


@route("POST", _PATH, "actions_variables=write")
def create(call: Call) -> Answer:
    """Make one."""
    name, now = str(call.body["name"]).upper(), call.world.now()
    if name in call.repo.variables:
        raise ApiError(409, "Already exists - Variable already exists")
    call.repo.variables[name] = Stored(name, str(call.body["value"]), now, now)
    return Answer({}, 201)


@route("GET", f"{_PATH}/{{name}}", "actions_variables=read")
def get(call: Call) -> Answer:
    """Read one."""
    return Answer(_shown(_stored(call)))


@route("PATCH", f"{_PATH}/{{name}}", "actions_variables=write")
def update(call: Call) -> Answer:
    """Change one."""
    found = _stored(call)
    found.value, found.updated_at = str(call.body.get("value", found.value)), call.world.now()
    return Answer(status=204)


@route("DELETE", f"{_PATH}/{{name}}", "actions_variables=write")
def delete(call: Call) -> Answer:
    """Remove one."""
    del call.repo.variables[_stored(call).name]
    return Answer(status=204)


def _stored(call: Call) -> Stored:
    found = call.repo.variables.get(call.params["name"].upper())
    if found is None:
        raise not_found()
    return found


def _shown(stored: Stored) -> Json:
    return {
        "name": stored.name,
        "value": stored.value,
        "created_at": moment(stored.created_at),
        "updated_at": moment(stored.updated_at),
    }
