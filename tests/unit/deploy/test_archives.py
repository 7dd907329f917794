"""Release archives, hostile ones too."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from infrastructure.deploy.module_utils.telewright import archives
from infrastructure.deploy.module_utils.telewright.failure import Refused
from infrastructure.deploy.module_utils.telewright.places import ProjectPlace, Server
from infrastructure.deploy.module_utils.telewright.records import Health, Instance, Record, Release

COMMIT = "a" * 40
HEALTH = Health("web", "/health", 10)


@pytest.fixture
def place(tmp_path: Path) -> ProjectPlace:
    place = Server(root=tmp_path / "server", sockets=tmp_path).project("hello")
    place.create()
    return place


def member(name: str, *, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


def archive(directory: Path, *members: tarfile.TarInfo, identity: object = None) -> tuple[Path, Release]:
    file = directory / "release.tar.gz"
    text = json.dumps(identity or {"project": "hello", "commit": COMMIT}).encode()
    with tarfile.open(file, "w:gz") as tar:
        described = member("release.json")
        described.size = len(text)
        tar.addfile(described, io.BytesIO(text))
        for each in members:
            tar.addfile(each)
    return file, Release(COMMIT, hashlib.sha256(file.read_bytes()).hexdigest())


def test_a_release_is_unpacked_once_and_readable_by_the_services_user(
    place: ProjectPlace, tmp_path: Path
) -> None:
    file, release = archive(
        tmp_path, member("app/run", mode=0o4700), member("site-packages/deep/er/x", mode=0o600)
    )

    assert archives.unpack(file, place=place, release=release)
    assert not archives.unpack(file, place=place, release=release)

    root = place.releases / release.directory
    modes = {str(p.relative_to(root)): p.stat().st_mode & 0o7777 for p in root.rglob("*")}
    assert modes["app/run"] == 0o755
    assert modes["site-packages/deep/er/x"] == 0o644
    assert modes["site-packages/deep"] == modes["site-packages/deep/er"] == modes["app"] == 0o755


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (member("/etc/passwd"), "leads outside"),
        (member("../../outside"), "leads outside"),
        (member("app/../../outside"), "leads outside"),
        (member("app/link", kind=tarfile.SYMTYPE, link="/etc"), "neither a file nor a directory"),
        (member("app/link", kind=tarfile.LNKTYPE, link="release.json"), "neither a file nor a directory"),
        (member("app/pipe", kind=tarfile.FIFOTYPE), "neither a file nor a directory"),
        (member("app/disk", kind=tarfile.BLKTYPE), "neither a file nor a directory"),
        (member("bin/surprise"), "has no place"),
    ],
)
def test_a_member_that_could_leave_its_place_is_refused_and_nothing_stays(
    place: ProjectPlace, tmp_path: Path, bad: tarfile.TarInfo, reason: str
) -> None:
    file, release = archive(tmp_path, member("app/good"), bad)

    with pytest.raises(Refused, match=reason) as refusal:
        archives.unpack(file, place=place, release=release)

    assert refusal.value.code == "bad_release"
    assert list(place.releases.iterdir()) == []
    assert not (tmp_path / "outside").exists()


def test_an_archive_with_another_digest_is_refused_unopened(place: ProjectPlace, tmp_path: Path) -> None:
    file, _ = archive(tmp_path)

    with pytest.raises(Refused, match="digest"):
        archives.unpack(file, place=place, release=Release(COMMIT, "0" * 64))


@pytest.mark.parametrize(
    "identity", [{"project": "other", "commit": COMMIT}, {"project": "hello"}, ["hello"]]
)
def test_an_archive_of_another_release_is_refused(
    place: ProjectPlace, tmp_path: Path, identity: object
) -> None:
    file, release = archive(tmp_path, identity=identity)

    with pytest.raises(Refused, match=r"release\.json"):
        archives.unpack(file, place=place, release=release)


def test_a_truncated_archive_is_refused(place: ProjectPlace, tmp_path: Path) -> None:
    file, _ = archive(tmp_path, member("app/x"))
    file.write_bytes(file.read_bytes()[:60])
    release = Release(COMMIT, hashlib.sha256(file.read_bytes()).hexdigest())

    with pytest.raises(Refused, match="cannot be read"):
        archives.unpack(file, place=place, release=release)


def test_what_a_killed_deployment_was_unpacking_is_swept_away(place: ProjectPlace, tmp_path: Path) -> None:
    half = place.releases / f"{archives.UNPACKING}half"
    (half / "app").mkdir(parents=True)
    file, release = archive(tmp_path)

    archives.unpack(file, place=place, release=release)

    assert [path.name for path in place.releases.iterdir()] == [release.directory]


def test_pruning_keeps_the_newest_and_always_the_running_and_the_previous_release(
    place: ProjectPlace,
) -> None:
    releases = [Release(letter * 40, "d" * 64) for letter in "abcdef"]
    for age, release in enumerate(releases):
        directory = place.releases / release.directory
        directory.mkdir()
        os.utime(directory, (age, age))
    current = Instance("1-a", releases[0], 20000, HEALTH)
    record = Record("hello", current=current, previous=releases[1])

    assert archives.prune(place, record, keep=3)
    assert not archives.prune(place, record, keep=3)

    kept = {release.directory for release in (releases[0], releases[1], releases[5])}
    assert {path.name for path in place.releases.iterdir()} == kept
    archives.prune(place, record, keep=1)
    assert {path.name for path in place.releases.iterdir()} == kept - {releases[5].directory}
