"""What a service wrote, without the secrets it was given: services log what they should not."""

from __future__ import annotations

from infrastructure.deploy.deployer import Deployer, ServiceStatus
from infrastructure.secrets import Secrets
from shared.redaction import Redactor


class DiscreetReader:
    """Reads services for people; a project's secrets never reach a conversation."""

    def __init__(self, deployer: Deployer, secrets: Secrets) -> None:
        """Read through a deployer.

        Args:
            deployer: Knows the server.
            secrets: Knows what must not be shown.
        """
        self._deployer = deployer
        self._secrets = secrets

    async def status(self, project: str) -> ServiceStatus:
        """Say what runs."""
        return await self._deployer.status(project)

    async def logs(self, project: str, lines: int = 50) -> str:
        """Return the last lines the service wrote, its secrets removed."""
        names = await self._secrets.names(project)
        values = (await self._secrets.reveal(project, names)).values() if names else ()
        redactor = Redactor(value.get_secret_value() for value in values)
        return redactor.text(await self._deployer.logs(project, lines))
