from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from infrastructure.contract import Resources
from infrastructure.sandbox import (
    Mount,
    SandboxResult,
    base_python,
    isolation,
    python_mounts,
    service_command,
)
from infrastructure.sandbox.protocol import Ending
from infrastructure.sandbox.refusal import refusal
from infrastructure.warden.orders import Orders


@pytest.mark.parametrize("network", [False, True])
def test_the_hosts_network_is_shared_only_if_granted(network: bool) -> None:
    given = isolation.arguments(memory_mb=1, network=network, start_in="/workspace")

    assert "--unshare-all" in given
    assert ("--share-net" in given) is network


def test_this_python_is_mounted_unless_it_is_the_systems() -> None:
    python = Path(base_python())

    assert python.is_relative_to("/usr") or any(
        python.is_relative_to(mount.target) for mount in python_mounts()
    )
    assert not any(mount.writable for mount in python_mounts())


def test_a_service_gets_its_release_its_data_and_no_secret(tmp_path: Path) -> None:
    command = service_command(
        ["serve", "--port", "{port}"],
        release=tmp_path / "release",
        data=tmp_path / "data",
        environment_file=tmp_path / "environment.json",
        limits=Resources(memory_mb=77, processes=5, open_files=99),
        mounts=[Mount(tmp_path / "venv", PurePosixPath("/venv"))],
    )

    orders = Orders.from_json(command[-1])
    assert orders.command == ["serve", "--port", "{port}"]
    assert [
        (mount.target, mount.writable) for mount in orders.mounts if mount.source.startswith(str(tmp_path))
    ] == [
        ("/release", False),
        ("/data", True),
        ("/venv", False),
    ]
    assert (orders.limits.memory_mb, orders.limits.processes, orders.limits.open_files) == (77, 5, 99)
    assert orders.limits.wall_s is None


@pytest.mark.parametrize(
    ("switch", "value", "remedy"),
    [
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "apparmor_restrict_unprivileged_userns=0"),
        ("kernel/unprivileged_userns_clone", "0", "unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "max_user_namespaces=10000"),
        ("user/max_user_namespaces", "5", "seccomp=unconfined"),
    ],
)
def test_a_refusal_names_the_switch_that_forbids_it(
    tmp_path: Path, switch: str, value: str, remedy: str
) -> None:
    (tmp_path / switch).parent.mkdir()
    (tmp_path / switch).write_text(f"{value}\n")

    error = refusal("bwrap: something\nbwrap: No permissions", switches=tmp_path)

    assert remedy in error.advice
    assert error.message.endswith(": bwrap: No permissions")


@pytest.mark.parametrize(
    ("ending", "code", "succeeded"),
    [(Ending.EXITED, 0, True), (Ending.EXITED, 1, False), (Ending.TIMED_OUT, None, False)],
)
def test_only_an_exit_with_zero_is_a_success(ending: Ending, code: int | None, succeeded: bool) -> None:
    assert SandboxResult(ending, code, "", 1.0).succeeded is succeeded
