"""What hostile code can reach: nothing but its workspace and what was given."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import pytest

from infrastructure.sandbox import Mount, SandboxResult
from shared.errors import BadInput

Run = Callable[..., Coroutine[Any, Any, SandboxResult]]


@pytest.fixture
def loopback_server() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield from _answering(server, server.getsockname()[1])


@pytest.fixture
def abstract_server() -> Iterator[str]:
    name = f"telewright-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{name}")
        server.listen()
        yield from _answering(server, name)


@pytest.fixture
def shared_port() -> Iterator[int]:
    """A port of ours that others may share, as the proxy's are."""
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as server:
        yield server.getsockname()[1]


async def test_nobody_inside_takes_a_share_of_a_port_that_is_ours(run_python: Run, shared_port: int) -> None:
    result = await run_python(
        f"""
        import ctypes, socket
        with socket.create_server(("127.0.0.1", 0)) as own:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        try:
            socket.create_server(("127.0.0.1", {shared_port}), reuse_port=True)
        except PermissionError:
            print("refused")
        libc = ctypes.CDLL(None, use_errno=True)
        print(libc.syscall(425, 1, ctypes.create_string_buffer(120)), ctypes.get_errno())
        """,
        network=True,
    )

    assert result.output.split() == ["refused", "-1", "1"], result.output


async def test_the_command_starts_in_its_workspace_and_what_it_writes_is_ours(
    run_shell: Run, workspace: Path
) -> None:
    (workspace / "given").write_text("to you\n")

    result = await run_shell("pwd; cat given; mkdir made; echo for you > made/file")

    assert result.succeeded, result.output
    assert result.output == "/workspace\nto you\n"
    assert (workspace / "made/file").read_text() == "for you\n"
    assert (workspace / "made/file").stat().st_uid == os.geteuid()


async def test_the_workspace_may_lie_where_only_its_owner_can_go(run_shell: Run, workspace: Path) -> None:
    workspace.parent.chmod(0o700)

    assert (await run_shell("echo x > file")).succeeded


async def test_nothing_of_our_environment_is_inside(run_shell: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = secrets.token_hex(16)
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", secret)

    result = await run_shell("env; cat /proc/*/environ /proc/*/cmdline", environment={"GIVEN": "yes"})

    assert secret not in result.output
    names = {
        line.partition("=")[0] for line in result.output.splitlines() if line.startswith(("GIVEN", "TELE"))
    }
    assert names == {"GIVEN"}


async def test_a_given_variable_is_in_no_process_arguments(run_shell: Run) -> None:
    secret = secrets.token_hex(16)
    seen: list[str] = []

    async def look(line: str) -> None:
        seen.append(line)
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.append(process.read_text())
            except OSError:
                continue

    result = await run_shell('echo "${#GIVEN}"', environment={"GIVEN": secret}, on_line=look)

    assert result.output == "32\n"
    assert secret not in "".join(seen)


async def test_a_variable_cannot_smuggle_in_a_mount(run_shell: Run) -> None:
    with pytest.raises(BadInput):
        await run_shell("true", environment={"A": "x\0--bind\0/\0/mnt"})


@pytest.mark.parametrize(
    "path", ["/etc/shadow", "/etc/hostname", "/root/.ssh", "/home", "/var", "/run", "/sys"]
)
async def test_the_hosts_files_are_not_there(run_shell: Run, path: str) -> None:
    result = await run_shell(f"ls -d {path}")

    assert not result.succeeded, result.output


async def test_other_projects_and_our_home_are_not_there(run_shell: Run, workspace: Path) -> None:
    neighbour = workspace.parent / "neighbour"
    neighbour.mkdir()
    (neighbour / "secret").write_text("secret")

    result = await run_shell(f"ls {workspace.parent} ; ls {Path.home()} ; find / -name secret 2>/dev/null")

    assert "neighbour" not in result.output
    assert "secret" not in result.output


@pytest.mark.parametrize(
    "path", ["/x", "/usr/x", "/etc/x", "/dev/x", "/proc/sys/kernel/core_pattern", "/dev/sda"]
)
async def test_the_system_is_read_only(run_shell: Run, path: str) -> None:
    result = await run_shell(f": >> {path}")  # opens it for writing and leaves it as it is

    assert not result.succeeded


async def test_its_temporary_files_are_its_own_and_gone_afterwards(run_shell: Run) -> None:
    name = f"telewright-{secrets.token_hex(8)}"

    result = await run_shell(f"ls /tmp /dev/shm; echo x > /tmp/{name} && echo x > /dev/shm/{name}")

    assert result.succeeded
    assert result.output.split() == ["/dev/shm:", "/tmp:"] or result.output.split() == ["/tmp:", "/dev/shm:"]
    assert not Path("/tmp", name).exists()
    assert not Path("/dev/shm", name).exists()


async def test_it_sees_its_own_processes_alone(run_shell: Run) -> None:
    result = await run_shell("ls -d /proc/[0-9]* | wc -l")

    assert int(result.output) < 6


async def test_it_has_no_rights_and_cannot_get_any(run_shell: Run) -> None:
    result = await run_shell(
        "grep -E '^(CapEff|CapPrm|CapBnd|NoNewPrivs)' /proc/self/status; unshare --user true && echo namespace;"
        " mount -t tmpfs x /tmp && echo mounted; chroot / true && echo chrooted; su -c true && echo root"
    )

    lines = result.output.splitlines()
    assert "NoNewPrivs:\t1" in lines
    assert {line.split()[1] for line in lines if line.startswith("Cap")} == {"0" * 16}
    assert not {"namespace", "mounted", "chrooted", "root"} & set(lines)


async def test_none_of_our_open_files_is_open_inside(run_shell: Run, workspace: Path) -> None:
    held = os.open(workspace.parent, os.O_RDONLY)
    os.set_inheritable(held, True)
    try:
        result = await run_shell("ls /proc/$$/fd")
    finally:
        os.close(held)

    assert result.output.split() == ["0", "1", "2"]


async def test_there_is_no_network(run_python: Run, loopback_server: int) -> None:
    result = await run_python(f"""
        import socket
        for address in [("127.0.0.1", {loopback_server}), ("192.0.2.1", 80)]:
            try:
                socket.create_connection(address, timeout=1)
                print("connected")
            except OSError as error:
                print("refused")
        """)

    assert result.output == "refused\nrefused\n"


async def test_the_network_is_there_when_granted(run_python: Run, loopback_server: int) -> None:
    result = await run_python(
        f"import socket; print(socket.create_connection(('127.0.0.1', {loopback_server})).recv(9))",
        network=True,
    )

    assert result.output == "b'reached'\n"


async def test_an_abstract_socket_of_the_host_is_not_reached(run_python: Run, abstract_server: str) -> None:
    code = f"import socket; socket.socket(socket.AF_UNIX).connect('\\0{abstract_server}')"

    result = await run_python(code)

    assert "ConnectionRefusedError" in result.output
    assert (await run_python(code, network=True)).succeeded, "the server was there to be reached"


async def test_a_mount_is_read_only_unless_said_otherwise(run_shell: Run, tmp_path: Path) -> None:
    for name in ("given", "lent"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    mounts = [
        Mount(tmp_path / "given", PurePosixPath("/opt/given")),
        Mount(tmp_path / "lent", PurePosixPath("/opt/given/file-beside"), writable=True),
    ]

    result = await run_shell("cat /opt/given/file; echo no > /opt/given/file", mounts=mounts[:1])

    assert result.output.startswith("given")
    assert not result.succeeded
    assert (tmp_path / "given/file").read_text() == "given"

    lent = Mount(tmp_path / "lent", PurePosixPath("/opt/lent"), writable=True)
    assert (await run_shell("echo yes > /opt/lent/file", mounts=[mounts[0], lent])).succeeded
    assert (tmp_path / "lent/file").read_text() == "yes\n"
    assert (tmp_path / "lent/file").stat().st_uid == os.geteuid()


async def test_a_planted_link_leads_our_own_clean_up_nowhere(
    run_shell: Run, workspace: Path, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir(mode=0o750)
    (precious / "file").write_text("kept")
    (precious / "file").chmod(0o640)

    result = await run_shell(
        f"ln -s {precious} link; ln -s {precious}/file file; ln -s /etc/shadow shadow; cat file link/file"
    )
    await run_shell("true")

    assert "kept" not in result.output
    assert (workspace / "link").is_symlink()
    assert precious.stat().st_mode & 0o777 == 0o750
    assert (precious / "file").stat().st_mode & 0o777 == 0o640
    assert (precious / "file").stat().st_uid == os.geteuid()


async def test_a_hard_link_in_the_workspace_reaches_no_file_outside(
    run_shell: Run, workspace: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "object-of-a-bare-repository"
    outside.write_text("kept")
    outside.chmod(0o444)
    (workspace / "object").hardlink_to(outside)

    result = await run_shell("chmod u+w object && cat object && echo changed > object")

    assert result.succeeded, result.output
    assert result.output == "kept"
    assert (workspace / "object").read_text() == "changed\n"
    assert outside.read_text() == "kept"
    assert outside.stat().st_mode & 0o777 == 0o444
    assert outside.stat().st_uid == os.geteuid()


async def test_whatever_it_leaves_behind_can_be_deleted(
    run_shell: Run, run_python: Run, workspace: Path
) -> None:
    await run_shell(
        "mkdir -p a/b; touch a/b/c; chmod 0 a/b/c a/b a; cp /bin/true root; chmod 6777 root; mkfifo pipe"
    )
    await run_python("""
        import os
        for _ in range(3000):
            os.mkdir("deep")
            os.chdir("deep")
        """)

    assert (workspace / "root").stat().st_mode & 0o7000 == 0
    shutil.rmtree(workspace)


async def test_python_with_mounted_packages_works_inside(workspace: Path, run_python: Run) -> None:
    packages = Path(pytest.__file__).parents[1]
    (workspace / "test_it.py").write_text("def test_it(): assert 1 + 1 == 2\n")

    result = await run_python(
        "import sys, pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider']))",
        mounts=[Mount(packages, PurePosixPath("/packages"))],
        environment={
            "PYTHONPATH": "/packages",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
    )

    assert result.succeeded, result.output
    assert "1 passed" in result.output


T = TypeVar("T")


def _answering(server: socket.socket, address: T) -> Iterator[T]:
    def answer() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection, contextlib.suppress(BrokenPipeError):
                connection.sendall(b"reached")

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield address
    server.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)
