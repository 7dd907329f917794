"""Identifiers, each a type of its own so that they cannot be mixed up."""

from typing import NewType
from uuid import UUID

RunId = NewType("RunId", UUID)
SessionId = NewType("SessionId", UUID)
ProjectId = NewType("ProjectId", UUID)
ApprovalId = NewType("ApprovalId", UUID)
ReleaseId = NewType("ReleaseId", UUID)
DeploymentId = NewType("DeploymentId", UUID)

UserId = NewType("UserId", str)
"""A front and the name it knows the person by: `telegram:42`, `terminal:owner`."""
