"""The clients that tests have: PyGithub without its waits, and git with a token."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

from github import Auth, Github
from tests.fakes.github.front import GitHub


def pygithub(
    github: GitHub, token: str | None = None, *, auth: Auth.Auth | None = None, per_page: int = 30
) -> Github:
    """PyGithub, with the owner's token unless another is given; it asks once, and does not wait between requests."""
    return Github(
        auth=auth or Auth.Token(token or github.token),
        base_url=github.url,
        per_page=per_page,
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
        timeout=30,
    )


class GitFailed(Exception):
    """Git said no; the message is all that it said."""


class GitClient:
    """The git program in a folder, with a token in a header and nobody's configuration.

    Args:
        folder: Where its working tree is or will be.
        token: None for nobody.
    """

    def __init__(self, folder: Path, token: str | None) -> None:
        self.folder = folder
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "Test",
            "GIT_AUTHOR_EMAIL": "test@example.org",
            "GIT_COMMITTER_NAME": "Test",
            "GIT_COMMITTER_EMAIL": "test@example.org",
        }
        if token is not None:
            basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
            self._environment |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "http.extraHeader",
                "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
            }

    def __call__(self, *arguments: str, folder: Path | None = None) -> str:
        """Run git and return what it printed.

        Raises:
            GitFailed: It failed.
        """
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder or self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise GitFailed(done.stdout + done.stderr)
        return done.stdout.strip()

    def clone(self, url: str) -> None:
        """Clone into the folder."""
        self("clone", "--quiet", url, str(self.folder), folder=self.folder.parent)

    def commit(self, files: dict[str, str], message: str = "Change") -> str:
        """Commit files to the present branch, and return the commit."""
        for path, body in files.items():
            place = self.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(body)
        self("add", "--all")
        self("commit", "--quiet", "--message", message)
        return self("rev-parse", "HEAD")
