"""A stateful fake of GitHub: its REST API and git over HTTP, with the people who use it.

PyGithub and git run against it unchanged: give them `github.url` (or `github.api_url`) and `github.token`.

    with github_in_thread() as github:
        shop = github.create("shop", {"README.md": "# Shop"})
        client = Github(auth=Auth.Token(github.token), base_url=github.url)
        client.get_repo("ann/shop").create_pull(base="main", head="work", title="Work")
        shop.check(shop.head("work"), "ci", "failure", "2 tests failed")
        shop.push({"README.md": "# By hand"}, by="bob")

It runs in the test's own event loop (`FakeGitHub`), in a thread (`github_in_thread`) or in a process of its own
(`github_in_process`, or `python -m tests.fakes.github`); the last two are driven through `RemoteGitHub`, which has
the same interface. The repositories are real ones, served by git itself. Every answer is held against GitHub's
published description; what does not fit raises `Mismatch` in the test.

What it knows: `routes/` (the API's operations), `transport.py` and `hook.py` (git), `happenings.py` (what follows
from what), `courier.py` (webhooks), `rights.py`, `limits.py`, `faults.py`, `actions.py` (what tests do).
"""

from tests.fakes.github.fake import FakeGitHub
from tests.fakes.github.front import Counts, GitHub, InstalledApp, SetFault
from tests.fakes.github.project import Project, PullSeen
from tests.fakes.github.remote import RemoteGitHub, github_in_process, github_in_thread
from tests.fakes.github.validation import Mismatch

__all__ = [
    "Counts",
    "FakeGitHub",
    "GitHub",
    "InstalledApp",
    "Mismatch",
    "Project",
    "PullSeen",
    "RemoteGitHub",
    "SetFault",
    "github_in_process",
    "github_in_thread",
]
