"""The secrets of a repository's workflows: taken encrypted, opened to see that they can be, never shown."""

from __future__ import annotations

import base64
import binascii

from nacl.exceptions import CryptoError
from nacl.public import SealedBox

from tests.fakes.github.call import Answer, Call
from tests.fakes.github.errors import ApiError, Json, not_found, unprocessable
from tests.fakes.github.records import Stored
from tests.fakes.github.routes.table import route
from tests.fakes.github.views.addresses import moment

_PATH = "/repos/{owner}/{repo}/actions/secrets"


@route("GET", f"{_PATH}/public-key", "secrets=read")
def public_key(call: Call) -> Answer:
    """Say what secrets are encrypted with."""
    key = base64.b64encode(bytes(call.repo.secrets_key.public_key)).decode()
    return Answer({"key_id": call.repo.secrets_key_id, "key": key})


@route("GET", _PATH, "secrets=read")
def list_all(call: Call) -> Answer:
    """List their names."""
    return call.page(list(call.repo.secrets.values()), _shown, "secrets")


@route("GET", f"{_PATH}/{{secret_name}}", "secrets=read")
def get(call: Call) -> Answer:
    """Say when one was set."""
    found = call.repo.secrets.get(call.params["secret_name"].upper())
    if found is None:
        raise not_found()
    return Answer(_shown(found))


@route("PUT", f"{_PATH}/{{secret_name}}", "secrets=write")
def put(call: Call) -> Answer:
    """Set one."""
    body, name, now = call.body, call.params["secret_name"].upper(), call.world.now()
    if name.startswith("GITHUB_"):
        raise unprocessable("Secret names must not start with GITHUB_.")
    if body["key_id"] != call.repo.secrets_key_id:
        raise ApiError(422, "The public key ID is invalid or has expired. Please fetch a new public key.")
    try:
        sealed = base64.b64decode(str(body["encrypted_value"]), validate=True)
        value = SealedBox(call.repo.secrets_key).decrypt(sealed).decode()
    except (binascii.Error, CryptoError, UnicodeDecodeError) as wrong:
        raise unprocessable(
            "Bad request - encrypted_value is not sealed with the repository's key"
        ) from wrong
    known = call.repo.secrets.get(name)
    call.repo.secrets[name] = Stored(name, value, known.created_at if known else now, now)
    return Answer({} if known is None else None, 201 if known is None else 204)


@route("DELETE", f"{_PATH}/{{secret_name}}", "secrets=write")
def delete(call: Call) -> Answer:
    """Remove one."""
    if call.repo.secrets.pop(call.params["secret_name"].upper(), None) is None:
        raise not_found()
    return Answer(status=204)


def _shown(stored: Stored) -> Json:
    return {
        "name": stored.name,
        "created_at": moment(stored.created_at),
        "updated_at": moment(stored.updated_at),
    }
