"""Files that people send: what is taken, under which name, and how it lies on the disk."""

from __future__ import annotations

import stat
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.conversation.attachments import MOST_BYTES, Attachments, TooLarge, TypeNotTaken, harmless_name
from infrastructure.attachments import AttachmentLost, AttachmentStore

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


async def test_a_file_is_kept_once_for_its_content_and_nobody_may_execute_it(tmp_path: Path) -> None:
    attachments = Attachments(tmp_path)

    one = await attachments.keep("plan.sh", b"#!/bin/sh\n", media_type="text/x-sh")
    same = await attachments.keep("copy.sh", b"#!/bin/sh\n")

    assert (one.name, one.size, one.media_type) == ("plan.sh", 10, "text/x-sh")
    assert one.sha256 == same.sha256
    [kept] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept.name == one.sha256
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert await AttachmentStore(tmp_path).read(one.sha256) == b"#!/bin/sh\n"


async def test_what_is_lost_or_broken_is_not_handed_out(tmp_path: Path) -> None:
    store = AttachmentStore(tmp_path)
    sha256 = await store.keep(b"content")
    next(path for path in tmp_path.rglob("*") if path.is_file()).write_bytes(b"other")

    with pytest.raises(AttachmentLost):
        await store.read(sha256)
    with pytest.raises(AttachmentLost):
        await store.read("0" * 64)


async def test_a_file_that_is_too_large_is_refused_with_both_sizes(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match=r"big\.txt has 10\.0 MB, and a file may have 10 MB\."):
        await Attachments(tmp_path).keep("big.txt", b"x" * (MOST_BYTES + 1))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.exe", b"MZ\0\0"),
        ("a.png", b"GIF89a"),
        ("tool", b"\x7fELF\0"),
        ("a.txt", b"a\0b"),
        ("a.pdf", b"text"),
    ],
)
async def test_what_is_neither_text_nor_what_its_name_says_is_refused(
    tmp_path: Path, name: str, content: bytes
) -> None:
    with pytest.raises(TypeNotTaken):
        await Attachments(tmp_path).keep(name, content)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.PNG", PNG), ("a.pdf", b"%PDF-1.7"), ("README", b"words"), ("a.csv", b"\xe4;\xf6")],
)
async def test_text_and_known_formats_are_taken(tmp_path: Path, name: str, content: bytes) -> None:
    assert (await Attachments(tmp_path).keep(name, content)).name == name


@pytest.mark.parametrize(
    ("name", "harmless"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\plan.md", "plan.md"),
        (".bashrc", "bashrc"),
        ("-rf *.txt", "rf_.txt"),
        ("a\u202egnp.exe", "a_gnp.exe"),
        ("план 1.md", "план_1.md"),
        ("..", "file"),
        ("", "file"),
        ("x" * 200 + ".md", "x" * 77 + ".md"),
    ],
)
def test_a_name_becomes_harmless_and_keeps_its_ending(name: str, harmless: str) -> None:
    assert harmless_name(name) == harmless


@given(st.text())
def test_whatever_a_file_is_called_its_name_is_one_visible_part_of_a_path(name: str) -> None:
    called = harmless_name(name)

    assert PurePosixPath(called).name == called
    assert not called.startswith((".", "-"))
    assert 0 < len(called) <= 80
    assert harmless_name(called) == called
