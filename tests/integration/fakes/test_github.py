"""The fake GitHub, asked by PyGithub and by git."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from github import Github, GithubException, UnknownObjectException

from tests.fakes.github import RemoteGitHub, github_in_thread
from tests.fakes.github.clients import GitClient, GitFailed, pygithub


@pytest.fixture
def github() -> Iterator[RemoteGitHub]:
    with github_in_thread() as github:
        yield github


@pytest.fixture
def client(github: RemoteGitHub) -> Github:
    return pygithub(github)


# Repositories


def test_a_repository_is_created_found_changed_and_deleted(github: RemoteGitHub, client: Github) -> None:
    created = client.get_user().create_repo("shop", description="Sells", private=True)
    assert created.full_name == "ann/shop"
    assert github.repository("shop").about["private"]

    found = client.get_repo("ann/shop")
    assert (found.id, found.description, found.clone_url) == (
        created.id,
        "Sells",
        f"{github.url}/ann/shop.git",
    )
    found.edit(description="Sells more", has_wiki=False, delete_branch_on_merge=True)
    assert (client.get_repo("ann/shop").description, client.get_repo("ann/shop").has_wiki) == (
        "Sells more",
        False,
    )

    found.delete()
    with pytest.raises(UnknownObjectException):
        client.get_repo("ann/shop")
    with pytest.raises(LookupError):
        github.repository("shop")


def test_a_name_is_taken_once(github: RemoteGitHub, client: Github) -> None:
    client.get_user().create_repo("shop")
    with pytest.raises(GithubException) as taken:
        client.get_user().create_repo("Shop")
    assert taken.value.status == 422
    assert "name already exists on this account" in str(taken.value.data)


def test_a_repository_with_a_first_commit_is_made_in_an_organisation(
    github: RemoteGitHub, client: Github
) -> None:
    github.organisation("acme")
    made = client.get_organization("acme").create_repo("site", auto_init=True)
    assert github.repository("acme/site").files() == {"README.md": "# site\n"}
    assert made.get_branch("main").commit.sha == github.repository("acme/site").head()


def test_a_renamed_repository_is_found_under_its_old_name(
    github: RemoteGitHub, client: Github, tmp_path: Path
) -> None:
    shop = github.create("shop", {"a.txt": "a"})
    old_url = shop.clone_url
    shop.rename("store")
    assert client.get_repo("ann/shop").full_name == "ann/store"
    assert github.requests("/repos/ann/shop")[-1]["status"] == 301
    git = GitClient(tmp_path / "clone", github.token)
    git.clone(old_url)
    assert (git.folder / "a.txt").read_text() == "a"
    assert client.get_repo(shop.id).full_name == "ann/store"


def test_an_archived_repository_can_be_read_only(
    github: RemoteGitHub, client: Github, tmp_path: Path
) -> None:
    shop = github.create("shop", {"a.txt": "a"})
    git = GitClient(tmp_path / "clone", github.token)
    git.clone(shop.clone_url)
    shop.archive()
    with pytest.raises(GithubException) as refused:
        client.get_repo("ann/shop").create_git_ref("refs/heads/x", shop.head())
    assert (refused.value.status, "archived" in str(refused.value.data)) == (403, True)
    git.commit({"a.txt": "b"})
    with pytest.raises(GitFailed, match="archived so it is read-only"):
        git("push", "origin", "main")
    client.get_repo("ann/shop").edit(archived=False)
    git("push", "origin", "main")


def test_lists_come_in_pages_in_the_order_of_pushes(github: RemoteGitHub) -> None:
    made = [github.create(f"r{number}", {"a": str(number)}) for number in range(5)]
    made[1].push({"a": "new"})
    client = pygithub(github, per_page=2)
    listed = client.get_user().get_repos(sort="pushed", direction="desc")
    assert [repo.name for repo in listed] == ["r1", "r4", "r3", "r2", "r0"]
    assert [r["query"].get("page") for r in github.requests("/user/repos")] == [None, "2", "3"]


# Git


def test_git_pushes_and_fetches_with_a_token(github: RemoteGitHub, client: Github, tmp_path: Path) -> None:
    client.get_user().create_repo("shop", private=True)
    shop = github.repository("shop")
    git = GitClient(tmp_path / "one", github.token)
    git.clone(shop.clone_url)
    first = git.commit({"src/app.py": "print('hello')\n" * 20_000})
    git("push", "origin", "HEAD:refs/heads/main", "HEAD:refs/telewright/wip/1")
    assert shop.refs() == {"refs/heads/main": first, "refs/telewright/wip/1": first}

    by_hand = shop.push({"docs/a.md": "# A"}, by="bob")
    git("fetch", "origin", "main")
    assert git("rev-parse", "FETCH_HEAD") == by_hand
    assert shop.log()[0]["author"] == "bob"
    git.commit({"src/app.py": "late"})
    with pytest.raises(GitFailed, match="rejected"):
        git("push", "origin", "HEAD:main")
    assert shop.head() == by_hand


def test_git_is_turned_away_without_a_right(github: RemoteGitHub, tmp_path: Path) -> None:
    shop = github.create("shop", {"a.txt": "a"}, private=True)
    with pytest.raises(GitFailed, match="could not read Username"):
        GitClient(tmp_path / "nobody", None).clone(shop.clone_url)
    with pytest.raises(GitFailed, match="could not read Username"):
        GitClient(tmp_path / "wrong", "ghp_wrong").clone(shop.clone_url)
    stranger = github.new_token(github.user("bob"))
    with pytest.raises(GitFailed, match="Repository not found"):
        GitClient(tmp_path / "stranger", stranger).clone(shop.clone_url)
    reader = GitClient(tmp_path / "reader", github.new_token(permissions={"contents": "read"}))
    reader.clone(shop.clone_url)
    reader.commit({"a.txt": "b"})
    with pytest.raises(GitFailed, match="403"):
        reader("push", "origin", "main")


def test_a_protected_branch_takes_no_push(github: RemoteGitHub, tmp_path: Path) -> None:
    shop = github.create("shop", {"a.txt": "a"})
    git = GitClient(tmp_path / "clone", github.token)
    git.clone(shop.clone_url)
    shop.protect(checks=["ci"])
    before = shop.head()
    git.commit({"a.txt": "b"})
    with pytest.raises(GitFailed, match="GH006: Protected branch update failed") as refused:
        git("push", "origin", "main", "main:other")
    assert "Changes must be made through a pull request" in str(refused.value)
    assert (shop.head(), sorted(shop.branches())) == (before, ["main", "other"])
    shop.protect(checks=["ci"], enforce_admins=False)
    git("push", "origin", "main")
    with pytest.raises(GitFailed, match="Cannot force-push"):
        git("push", "--force", "origin", f"{before}:main")
    shop.protect("other")
    with pytest.raises(GitFailed, match="Cannot delete"):
        git("push", "origin", ":other")


def test_a_workflow_is_pushed_only_with_the_right_to(github: RemoteGitHub, tmp_path: Path) -> None:
    shop = github.create("shop", {"a.txt": "a"})
    token = github.new_token(permissions={"contents": "write"})
    git = GitClient(tmp_path / "clone", token)
    git.clone(shop.clone_url)
    git.commit({".github/workflows/ci.yml": "on: push\n"})
    with pytest.raises(GitFailed, match=r"refusing to allow .* without `workflow` scope"):
        git("push", "origin", "main")
    with pytest.raises(GitFailed, match="refusing to allow"):
        git("push", "origin", "main:new")
    github.grant(token, {"contents": "write", "workflows": "write"})
    git("push", "origin", "main")
    assert ".github/workflows/ci.yml" in shop.files()


# Pull requests


def test_a_pull_request_is_opened_found_changed_and_merged(github: RemoteGitHub, client: Github) -> None:
    shop = github.create("shop", {"a.txt": "a\n"})
    head = shop.push({"b.txt": "b\n"}, "work")
    repository = client.get_repo("ann/shop")
    pull = repository.create_pull(base="main", head="work", title="Add b", body="For c")
    assert (pull.number, pull.mergeable_state) == (1, "unknown")
    with pytest.raises(GithubException, match="A pull request already exists for ann:work"):
        repository.create_pull(base="main", head="work", title="Add b", body="")

    assert [p.number for p in repository.get_pulls(state="open", head="ann:work")] == [1]
    assert list(repository.get_pulls(state="open", head="ann:other")) == []
    pull.edit(title="Add a file", body="For d")
    assert [(p.title, p.body, p.state) for p in shop.pulls] == [("Add a file", "For d", "open")]
    assert repository.get_pull(1).mergeable is None
    found = repository.get_pull(1)
    assert (found.mergeable, found.mergeable_state, found.commits, found.additions) == (True, "clean", 1, 1)
    assert [(f.filename, f.status) for f in found.get_files()] == [("b.txt", "added")]

    with pytest.raises(GithubException) as moved:
        found.merge(sha="0" * 40)
    assert moved.value.status == 409
    merged = found.merge(sha=head, commit_title="Merge it", commit_message="Because")
    assert merged.sha == shop.head("main")
    assert shop.log("main")[0]["message"] == "Merge it\n\nBecause"
    assert len(shop.log("main")[0]["parents"]) == 2
    assert shop.pulls[0].state == "merged"
    assert repository.get_pull(1).is_merged()
    with pytest.raises(GithubException) as again:
        found.merge(sha=head)
    assert again.value.status == 405


def test_a_pull_request_with_a_conflict_cannot_be_merged(github: RemoteGitHub, client: Github) -> None:
    shop = github.create("shop", {"a.txt": "a\n"})
    shop.push({"a.txt": "mine\n"}, "work")
    number = shop.open_pull("work", "Change a")
    shop.push({"a.txt": "yours\n"})
    repository = client.get_repo("ann/shop")
    repository.get_pull(number)
    assert (repository.get_pull(number).mergeable, repository.get_pull(number).mergeable_state) == (
        False,
        "dirty",
    )
    with pytest.raises(GithubException) as refused:
        repository.get_pull(number).merge()
    assert refused.value.status == 405


def test_a_pull_request_follows_its_branches(github: RemoteGitHub, client: Github) -> None:
    shop = github.create("shop", {"a.txt": "a\n"})
    shop.push({"b.txt": "b\n"}, "work")
    number = shop.open_pull("work", "Add b")
    new = shop.push({"b.txt": "c\n"}, "work")
    assert shop.pulls[0].head_sha == new == shop.refs()[f"refs/pull/{number}/head"]
    shop.set_ref("refs/heads/main", new)
    assert shop.pulls[0].state == "merged"

    shop.push({"b.txt": "d\n"}, "other")
    second = shop.open_pull("other", "Change b")
    shop.set_ref("refs/heads/other", None)
    assert [p.state for p in shop.pulls if p.number == second] == ["closed"]


@pytest.mark.parametrize("method", ["squash", "rebase"])
def test_a_pull_request_is_merged_in_other_ways(github: RemoteGitHub, client: Github, method: str) -> None:
    shop = github.create("shop", {"a.txt": "a\n"})
    shop.push({"b.txt": "b\n"}, "work", message="One")
    shop.push({"c.txt": "c\n"}, "work", message="Two")
    number = shop.open_pull("work", "Add both")
    client.get_repo("ann/shop").get_pull(number).merge(merge_method=method)
    assert set(shop.files()) == {"a.txt", "b.txt", "c.txt"}
    messages = [commit["message"] for commit in shop.log()]
    assert messages == (
        ["Two", "One", "Initial commit"]
        if method == "rebase"
        else [f"Add both (#{number})", "Initial commit"]
    )
