"""Where repositories go: to GitHub when it is configured, else to this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infrastructure.forge.local import LocalForge
from shared.errors import BadSetting
from shared.settings import Settings

if TYPE_CHECKING:
    from infrastructure.forge.github import GitHubForge
    from infrastructure.forge.github.tokens import Credentials


def forge_of(settings: Settings, *, patience_s: float | None = None) -> LocalForge | GitHubForge:
    """Return the forge that is configured; nothing is asked of it yet.

    Args:
        settings: Say which one, and as whom.
        patience_s: Seconds for which trouble with GitHub is waited out; the usual ones when left out.

    Raises:
        BadSetting: What makes an app is not all there.
    """
    if not settings.github_configured:
        return LocalForge(settings.home)
    # Here, because whoever has no GitHub should not wait half a second for its library.
    from infrastructure.forge.github import GitHubClient, GitHubForge, Patience

    patience = Patience() if patience_s is None else Patience(patience_s)
    client = GitHubClient(_credentials(settings), settings.github_api_url, patience)
    return GitHubForge(settings.home, client, settings.github_owner)


def _credentials(settings: Settings) -> Credentials:
    from infrastructure.forge.github import AppTokens, FixedToken

    if settings.github_token is not None:
        return FixedToken(settings.github_token.get_secret_value(), settings.github_api_url)
    app, key, owner = settings.github_app_id, settings.github_app_private_key, settings.github_owner
    if app is None or key is None or owner is None:
        raise BadSetting("GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY and GITHUB_OWNER should be set together")
    return AppTokens(app, key.get_secret_value(), settings.github_api_url, owner=owner)
