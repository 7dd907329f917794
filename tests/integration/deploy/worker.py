"""A worker that deploys one release, to be killed. Run as a program with a JSON order."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from infrastructure.deploy import DeployEvent, DeployRequest
from infrastructure.deploy.ansible import AnsibleDeployer
from infrastructure.local_server import LocalServer
from tests.integration.deploy.services import release, service


async def main() -> None:
    """Deploy, and say every event."""
    order = json.loads(sys.argv[1])
    deployer = AnsibleDeployer(LocalServer(Path(order["root"])), ports=tuple(order["ports"]))
    code = service(order["version"], status=order["status"])
    artifact = release(Path(order["archives"]), order["version"], code=code)
    await deployer.deploy(DeployRequest("hello", artifact, {}, order["fence"]), say)


async def say(event: DeployEvent) -> None:
    """Write an event to whoever watches."""
    print(f"{event.step}: {event.status}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
