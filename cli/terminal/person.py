"""Who sits at this terminal, and in which conversation."""

from __future__ import annotations

import fcntl
import os
import pwd
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import BadInput, Conflict
from shared.ids import UserId
from shared.ledger.users import Role, User

FRONT = "terminal"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")


class OpenElsewhere(Conflict):
    """This conversation is open in another terminal."""

    code = "open_elsewhere"
    advice = "Go on there, or open another conversation with --session NAME."


def person(home: Path) -> User:
    """Return the user of the operating system who runs this process, as Telewright knows them.

    The home's owner is the owner, and so is root, who could become them;
    anybody else may look.
    """
    uid = os.getuid()
    owns = uid in {0, home.stat().st_uid}
    name = _login_name(uid)
    return User(id=UserId(f"{FRONT}:{name}"), name=name, role=Role.OWNER if owns else Role.VIEWER)


def session_key(user: User, session: str | None) -> str:
    """Return what a terminal user's conversation is found by.

    Raises:
        BadInput: The session's name has other characters than names have.
    """
    if session is None:
        return user.name
    if not _NAME.fullmatch(session):
        raise BadInput("A session's name has 1 to 40 letters, digits, dots, hyphens and underscores.")
    return f"{user.name}/{session}"


@contextmanager
def only_terminal(home: Path, key: str) -> Iterator[None]:
    """Be the one terminal that shows this conversation, until the block is left.

    Two would each be shown half of the answers. The lock dies with its holder.

    Raises:
        OpenElsewhere: Another one shows it.
    """
    directory = home / "chat"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (directory / f"{key.replace('/', '+')}.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise OpenElsewhere(
                f"This conversation is open in another terminal (pid {lock.read().strip() or 'unknown'})."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _login_name(uid: int) -> str:
    # Not from the environment, which anybody may set.
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid-{uid}"
