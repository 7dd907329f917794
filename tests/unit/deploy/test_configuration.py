"""What is written for supervisord, and shown of what it kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from infrastructure.deploy.module_utils.telewright import instances, ports, supervisor
from infrastructure.deploy.module_utils.telewright.failure import Refused
from infrastructure.deploy.module_utils.telewright.instances import ENVIRONMENT_FILE, Launch
from infrastructure.deploy.module_utils.telewright.places import ProjectPlace, Server


@pytest.fixture
def place(tmp_path: Path) -> ProjectPlace:
    place = Server(root=tmp_path, sockets=tmp_path).project("hello")
    place.create()
    return place


def launch(**environment: str) -> Launch:
    processes = {"web": ["/bin/web", "--port={port}", ENVIRONMENT_FILE], "worker": ["/bin/worker"]}
    return Launch(["/bin/launch"], processes, "web", environment, 10)


def test_a_value_that_would_be_read_as_a_comment_is_refused() -> None:
    for value in ("a ;b", "a #b", "a\nb"):
        with pytest.raises(ValueError, match="cannot be"):
            supervisor.section("x", {"command": value})
    assert supervisor.section("x", {"command": "50%"}) == "[x]\ncommand=50%%\n"


def test_only_the_process_that_answers_gets_the_port_and_all_get_the_environment(place: ProjectPlace) -> None:
    instances.prepare(place, "1-a", port=20007, launch=launch(TOKEN="t"))

    directory = place.instances / "1-a"
    web, worker = directory / "web.environment.json", directory / "worker.environment.json"
    assert '"PORT": "20007"' in web.read_text()
    assert "PORT" not in worker.read_text()
    assert '"TOKEN": "t"' in worker.read_text()
    assert {file.stat().st_mode & 0o777 for file in directory.iterdir()} == {0o600}
    assert "TOKEN" not in (directory / "program.conf").read_text()
    processes = (directory / "processes.json").read_text()
    assert "--port=20007" in processes
    assert str(web) in processes


def test_an_instance_is_the_same_while_commands_and_environment_are(place: ProjectPlace) -> None:
    instances.prepare(place, "1-a", port=20007, launch=launch(TOKEN="t"))

    assert instances.is_same(place, "1-a", port=20007, launch=launch(TOKEN="t"))
    assert not instances.is_same(place, "1-a", port=20007, launch=launch(TOKEN="u"))
    assert not instances.is_same(place, "2-b", port=20007, launch=launch(TOKEN="t"))


def test_the_end_of_a_log_is_short_and_safe_to_show(place: ProjectPlace) -> None:
    (place.logs / "1-a.web.log").write_bytes(
        b"old\n" * 1000 + b"\x1b[31mred\x00\n" + b"x" * 600 + b"\n\xff\n"
    )

    lines = instances.tail(place, "1-a", lines=3).splitlines()

    assert lines[0] == " [31mred "
    assert lines[1] == "x" * instances.MOST_LINE
    assert len(lines) == 3
    assert instances.tail(place, "none", lines=3) == ""


def test_when_no_port_is_left_that_is_said() -> None:
    with pytest.raises(Refused, match="no port from 8100 to 8101 is free"):
        ports.lowest_free(8100, 8101, taken={8100, 8101})
