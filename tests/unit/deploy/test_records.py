"""What a server knows about a project."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.deploy.module_utils.telewright import caddy, records
from infrastructure.deploy.module_utils.telewright.failure import Refused
from infrastructure.deploy.module_utils.telewright.places import Server
from infrastructure.deploy.module_utils.telewright.records import Health, Instance, Record, Release

HEALTH = Health("web", "/health", 10)


def instance(letter: str, port: int = 20000) -> Instance:
    return Instance(f"1-{letter}", Release(letter * 40, "d" * 64), port, HEALTH)


@given(st.lists(st.integers(min_value=0, max_value=20)))
def test_a_fence_never_goes_down_and_lower_ones_change_nothing(fences: list[int]) -> None:
    record = Record("hello")
    for fence in fences:
        before = record
        if fence < before.fence:
            with pytest.raises(Refused, match="out of date"):
                record.fenced(fence)
        else:
            record = record.fenced(fence)
            assert record.fence == fence
    assert record.fence == max(fences, default=0)


def test_the_previous_release_is_the_last_one_of_another_commit() -> None:
    record = Record("hello", pending=instance("a")).switched()
    assert record.previous is None
    again = Record("hello", current=record.current, pending=instance("a")).switched()
    assert again.previous is None
    newer = Record("hello", current=again.current, pending=instance("b")).switched()
    assert newer.previous == instance("a").release
    assert newer.running
    assert newer.pending is None


def test_a_record_survives_being_written(tmp_path: Path) -> None:
    place = Server(root=tmp_path, sockets=tmp_path).project("hello")
    place.create()
    assert records.load(place) is None
    record = Record("hello", 8100, 3, 2, True, instance("a"), Release("b" * 40, "e" * 64), instance("c"))

    records.save(place, record)

    assert records.load(place) == record
    assert list(records.everyone(place.server)) == [record]
    assert place.record.stat().st_mode & 0o777 == 0o600


def test_leftovers_are_all_instances_but_the_current_one(tmp_path: Path) -> None:
    place = Server(root=tmp_path, sockets=tmp_path).project("hello")
    place.create()
    place.server.programs.mkdir()
    for name in ("1-a", "2-b"):
        (place.instances / name).mkdir()
    for program in ("hello.3-c.conf", "hello.1-a.conf", "hello-world.4-d.conf"):
        (place.server.programs / program).touch()

    assert Record("hello", current=instance("a")).leftovers(place) == ["2-b", "3-c"]
    assert Record("hello").leftovers(place) == ["1-a", "2-b", "3-c"]


def test_a_port_leads_to_the_current_instance_only_while_it_is_meant_to_run(tmp_path: Path) -> None:
    place = Server(root=tmp_path, sockets=tmp_path).project("hello")
    record = Record("hello", 8100, current=instance("a", 20001), running=True, pending=instance("b", 20002))
    assert caddy.recorded(place, record).upstream == "127.0.0.1:20001"
    assert caddy.pending(place, record).upstream == "127.0.0.1:20002"
    assert caddy.pending(place, record).site == caddy.recorded(place, record).site
    stopped = Record("hello", 8100, current=instance("a", 20001), running=False)
    assert caddy.recorded(place, stopped).upstream == ""
    assert caddy.recorded(place, stopped).site is not None
    assert caddy.recorded(place, Record("hello", 8100)).site is None


def test_nothing_to_switch_to_is_refused() -> None:
    with pytest.raises(Refused):
        Record("hello").switched()
