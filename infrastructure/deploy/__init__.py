"""Deployment: one release archive becomes a running service, by Ansible.

This is what everybody may know of it. The implementation, `ansible.AnsibleDeployer`,
is made where a process builds its parts.
"""

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
    MissingVariables,
    NotDeployed,
    OperationTookTooLong,
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
    "MissingVariables",
    "NotDeployed",
    "OperationTookTooLong",
    "PortTaken",
    "ServerUnavailable",
    "ServiceState",
    "ServiceStatus",
    "StepStatus",
]
