"""A full disk is known by whatever fails for it."""

from __future__ import annotations

import errno
import os
import shutil

import pytest

from infrastructure.disk import DiskFull, named_when_full, says_full

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "error", [FULL, OSError(errno.EDQUOT, "quota"), shutil.Error([("here", "there", str(FULL))])]
)
def test_an_error_that_means_a_full_disk_is_told_as_one(error: OSError) -> None:
    with pytest.raises(DiskFull), named_when_full():
        raise error


def test_any_other_error_stays_what_it_is() -> None:
    with pytest.raises(FileNotFoundError), named_when_full():
        raise FileNotFoundError(errno.ENOENT, "gone")


def test_a_programs_complaint_is_understood() -> None:
    assert says_full("fatal: unable to write new index file: No space left on device")
    assert not says_full("fatal: not a git repository")
