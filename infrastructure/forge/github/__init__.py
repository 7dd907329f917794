"""Repositories on GitHub."""

from infrastructure.forge.github.client import GitHubClient
from infrastructure.forge.github.errors import (
    Archived,
    BadCredentials,
    GitHubError,
    GitHubUnavailable,
    Gone,
    Missing,
    MissingRight,
    NotInstalled,
    PlanLacks,
    RateLimited,
)
from infrastructure.forge.github.forge import GitHubForge
from infrastructure.forge.github.retries import Patience
from infrastructure.forge.github.tokens import AppTokens, FixedToken

__all__ = [
    "AppTokens",
    "Archived",
    "BadCredentials",
    "FixedToken",
    "GitHubClient",
    "GitHubError",
    "GitHubForge",
    "GitHubUnavailable",
    "Gone",
    "Missing",
    "MissingRight",
    "NotInstalled",
    "Patience",
    "PlanLacks",
    "RateLimited",
]
