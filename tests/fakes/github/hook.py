"""The rules that a push over HTTP meets, as git's `update` hook: it is asked for each ref, as on GitHub.

It is a shell script, since it runs for every ref that is pushed and Python would take its time to start.
What it has to know is in the environment of the push, and in a file of the repository that
`write_rules` keeps: a line for each protected branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.fakes.github.errors import Json

RULES = "protected-branches"

SCRIPT = r"""#!/bin/sh
ref=$1 old=$2 new=$3
zero=0000000000000000000000000000000000000000

refuse() {
    echo "error: GH006: Protected branch update failed for $ref." >&2
    echo "error: $1" >&2
    exit 1
}

case $ref in refs/pull/*) echo "deny updating a hidden ref" >&2; exit 1 ;; esac

if [ -f "$GIT_DIR/protected-branches" ]; then
    while read -r name push force delete reason; do
        [ "$name" = "$ref" ] || continue
        if [ "$new" = $zero ]; then
            [ "$delete" = yes ] || refuse "Cannot delete a protected branch"
        elif [ "$old" != $zero ] && ! git merge-base --is-ancestor "$old" "$new"; then
            [ "$force" = yes ] || refuse "Cannot force-push to this branch"
        fi
        [ "$push" = everyone ] && continue
        [ "$push" = admins ] && [ "$FAKE_GITHUB_ADMIN" = yes ] && continue
        refuse "$reason"
    done < "$GIT_DIR/protected-branches"
fi

if [ "$FAKE_GITHUB_WORKFLOWS" = no ] && [ "$new" != $zero ]; then
    if [ "$old" = $zero ]; then
        # A new branch brings what no other branch has.
        touched=$(git log --name-only --format= -1 "$new" --not --branches -- .github/workflows | head -n 1)
    else
        touched=$(git diff --name-only "$old" "$new" -- .github/workflows | head -n 1)
    fi
    if [ -n "$touched" ]; then
        echo "refusing to allow $FAKE_GITHUB_CALLER to create or update workflow \`$touched\`" \
            "without $FAKE_GITHUB_WORKFLOWS_RIGHT" >&2
        exit 1
    fi
fi
exit 0
"""


def write(folder: Path) -> None:
    """Write the hook that all repositories have."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "update"
    script.write_text(SCRIPT)
    script.chmod(0o755)


def write_rules(directory: Path, protections: Mapping[str, Json]) -> None:
    """Tell the hook which branches of a repository are protected, and how."""
    lines = []
    for branch, rules in protections.items():
        reviews, checks = rules["required_pull_request_reviews"], rules["required_status_checks"]
        push, reason = "everyone", "-"
        if reviews is not None or checks is not None:
            push = "nobody" if rules["enforce_admins"] else "admins"
            reason = "Changes must be made through a pull request."
            if reviews is None:
                reason = f"{len(checks['contexts'])} of {len(checks['contexts'])} required status checks are expected."
        force, delete = (
            "yes" if rules.get(name) else "no" for name in ("allow_force_pushes", "allow_deletions")
        )
        lines.append(f"refs/heads/{branch} {push} {force} {delete} {reason}\n")
    (directory / RULES).write_text("".join(lines))
