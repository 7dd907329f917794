"""Where repositories go: to GitHub when it is configured, else to this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infrastructure.forge.hosting import Hosting
from infrastructure.forge.local import LocalForge
from infrastructure.forge.mixed import MixedForge, ReadableForge
from shared.errors import BadSetting
from shared.settings import Settings

if TYPE_CHECKING:
    from infrastructure.forge.github import GitHubForge
    from infrastructure.forge.github.tokens import Credentials


@dataclass(frozen=True, slots=True)
class Places:
    """Where projects' repositories are."""

    forge: ReadableForge
    """Also of those that were made on this machine before GitHub was configured."""
    hosting: Hosting | None
    """What new ones have on top; None on this machine."""


@contextmanager
def open_places(settings: Settings, *, patience_s: float | None = None) -> Iterator[Places]:
    """Lend what is configured; afterwards nothing more is asked of GitHub.

    Args:
        settings: Say which places, and as whom.
        patience_s: As for `forge_of`.

    Raises:
        BadSetting: What makes an app is not all there.
    """
    forge = forge_of(settings, patience_s=patience_s)
    if isinstance(forge, LocalForge):
        yield Places(forge, None)
        return
    try:
        yield Places(MixedForge(forge, LocalForge(settings.home)), forge)
    finally:
        forge.close()


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
