"""A message on its way to its first answer, everything stored in between.

python -m benchmarks.answer
"""

from __future__ import annotations

import time
from statistics import median, quantiles
from uuid import uuid4

import uvloop

from benchmarks.installation import servers
from graph.conversation import Conversation, Message, Services
from infrastructure.blueprints import catalogue
from infrastructure.deploy.ansible import AnsibleDeployer
from infrastructure.local_server import LocalServer
from shared.database import Database
from shared.ids import SessionId, UserId
from shared.ledger.users import Role, User
from shared.live import Live

MESSAGES = 300
WARM_UP = 30
OWNER = User(UserId("benchmark:owner"), "Benchmark", Role.OWNER)


async def main() -> None:
    """Ask one thing after the other, print how long the answers took."""
    async with (
        servers() as parts,
        Database(parts.database_url) as database,
        Live(parts.redis_url) as live,
    ):
        reader = AnsibleDeployer(LocalServer(parts.home / "server"))
        conversation = Conversation(database, live, Services(catalogue=catalogue, reader=reader, model=None))
        session = await conversation.open(front="benchmark", external_key="1", user=OWNER)
        for text in ("/help", "/projects", "Create a web service called hello"):
            took = sorted(
                [await _answer(conversation, session.id, text) for _ in range(WARM_UP + MESSAGES)][WARM_UP:]
            )
            p95 = quantiles(took, n=20)[-1]
            print(f"{text:36} median {median(took) * 1000:5.1f} ms   p95 {p95 * 1000:5.1f} ms")


async def _answer(conversation: Conversation, session_id: SessionId, text: str) -> float:
    """Return the seconds from a message to its stored answer."""
    message = Message(
        front="benchmark", external_id=str(uuid4()), session_id=session_id, user=OWNER, text=text
    )
    started = time.perf_counter()
    await conversation.receive(message)
    return time.perf_counter() - started


if __name__ == "__main__":
    uvloop.run(main())
