"""Deployment: one release archive becomes a running service, by Ansible."""

from __future__ import annotations

from infrastructure.deploy.deployer import (
    BadProjectName,
    BadRelease,
    Deployer,
    DeployEvent,
    DeploymentFailed,
    DeploymentFenced,
    DeployRequest,
    DeployResult,
    EventHandler,
    NotDeployed,
    PortTaken,
    ServerUnavailable,
    ServiceState,
    ServiceStatus,
    StepStatus,
)

__all__ = [
    "BadProjectName",
    "BadRelease",
    "DeployEvent",
    "DeployRequest",
    "DeployResult",
    "Deployer",
    "DeploymentFailed",
    "DeploymentFenced",
    "EventHandler",
    "NotDeployed",
    "PortTaken",
    "ServerUnavailable",
    "ServiceState",
    "ServiceStatus",
    "StepStatus",
]
