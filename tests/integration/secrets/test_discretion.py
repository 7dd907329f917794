"""A service's secrets do not reach a conversation by way of its logs."""

from __future__ import annotations

import secrets as random
from pathlib import Path
from typing import cast

from pydantic import SecretStr

from infrastructure.deploy import Deployer
from infrastructure.discretion import DiscreetReader
from infrastructure.secrets import Secrets


class Talkative:
    """A deployer of a service that writes all it knows."""

    def __init__(self, wrote: str) -> None:
        self._wrote = wrote

    async def logs(self, project: str, lines: int = 50) -> str:
        return self._wrote


async def test_logs_are_shown_without_the_projects_secrets(home: Path) -> None:
    value = random.token_urlsafe(24)
    secrets = Secrets(home)
    await secrets.set("weather", "API_KEY", SecretStr(value))
    reader = DiscreetReader(cast("Deployer", Talkative(f"starting with key {value}\nready")), secrets)
    shown = await reader.logs("weather")
    assert value not in shown
    assert shown.endswith("ready")


async def test_logs_of_a_project_without_secrets_are_shown_as_they_are(home: Path) -> None:
    reader = DiscreetReader(cast("Deployer", Talkative("ready")), Secrets(home))
    assert await reader.logs("weather") == "ready"
