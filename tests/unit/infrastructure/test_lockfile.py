"""Lock files hold pinned, hashed packages and nothing else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from infrastructure.lockfile import BadLock, Pin, parse, read

HASH = f"--hash=sha256:{'a' * 64}"


def test_what_uv_writes_is_read() -> None:
    text = f"""# written by uv
fastapi==0.165.0 \\
    {HASH} \\
    {HASH}
    # via -r requirements.in
uvicorn[standard]==0.54.0 ; python_full_version >= '3.12' and sys_platform == 'win32' \\
    {HASH}
"""

    assert parse(text, "requirements.lock") == [Pin("fastapi", "0.165.0"), Pin("uvicorn", "0.54.0")]


def test_an_empty_lock_names_no_packages() -> None:
    assert parse("# nothing\n\n", "requirements.lock") == []


@pytest.mark.parametrize(
    "line",
    [
        f"--index-url https://example.org {HASH}",
        "-e .",
        "-r other.txt",
        f"evil @ https://example.org/evil.whl {HASH}",
        f"./local.whl {HASH}",
        f"git+https://example.org/x.git {HASH}",
        f"evil>=1 {HASH}",
        f"evil==1.* {HASH}",
        f"evil==1 ; python_version > '3' --index-url x {HASH}",
        f"evil==1 {HASH} --global-option=x",
        "evil==1 --hash=md5:abc",
        f"evil==${{HOME}} {HASH}",
        f"evil==1 ; x\revil {HASH}",
    ],
)
def test_anything_but_a_pinned_package_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(BadLock, match=r"requirements\.lock, line 2"):
        parse(f"# first\n{line}\n", "requirements.lock")


@pytest.mark.parametrize(
    "text",
    [
        "evil==1 ;" + " " * 100_000 + "-",
        "evil==1 ;" + " x" * 50_000 + "-",
        f"evil==1{f' {HASH}' * 1000} -",
        "evil" + "-" * 100_000 + "==1",
        "evil\\\n" * 500_000,
    ],
    ids=["blanks", "words", "hashes", "hyphens", "continued"],
)
def test_a_hostile_lock_is_refused_before_a_worker_counts_as_dead(text: str) -> None:
    started = time.process_time()

    with pytest.raises(BadLock):
        parse(text, "requirements.lock")

    assert time.process_time() - started < 4


def test_a_package_without_a_hash_is_refused_by_name() -> None:
    with pytest.raises(BadLock, match="fastapi has no hash"):
        parse("fastapi==1.0\n", "requirements.lock")


def test_a_missing_or_linked_lock_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadLock, match="missing"):
        read(tmp_path / "requirements.lock")
    (tmp_path / "requirements.lock").symlink_to("/dev/zero")
    with pytest.raises(BadLock, match="missing"):
        read(tmp_path / "requirements.lock")
