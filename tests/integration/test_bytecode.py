"""Byte code of packages, by the real compiler and read by the real interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from infrastructure.bytecode import compile_packages
from infrastructure.sandbox import BubblewrapSandbox, Mount, base_python, python_mounts


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    packages = tmp_path / "a place of this machine" / "packages"
    packages.mkdir(parents=True)
    return packages


def compiled(packages: Path) -> set[str]:
    """The names of the modules that have byte code."""
    return {file.name.split(".")[0] for file in packages.rglob("__pycache__/*.pyc")}


async def test_packages_in_packages_are_compiled_and_name_no_place_of_this_machine(packages: Path) -> None:
    (packages / "one" / "two").mkdir(parents=True)
    for name in ("alone.py", "one/__init__.py", "one/two/inner.py"):
        (packages / name).write_text("def fail():\n    raise ValueError\n")

    await compile_packages(packages)

    assert compiled(packages) == {"alone", "__init__", "inner"}
    for file in packages.rglob("*.pyc"):
        assert b"place of this machine" not in file.read_bytes()


async def test_byte_code_is_read_where_it_is_mounted_read_only_and_tracebacks_name_that_place(
    packages: Path, tmp_path: Path
) -> None:
    source = packages / "broken.py"
    source.write_text("def fail():\n    raise ValueError('from the byte code')\n")
    await compile_packages(packages)
    # Of the same length and another date, and yet not looked at: the byte code is what runs.
    source.write_text(source.read_text().replace("from", "past"))
    os.utime(source, (0, 0))
    workspace = tmp_path / "workspace"
    workspace.mkdir()

    result = await BubblewrapSandbox().run(
        [str(base_python()), "-c", "import broken; broken.fail()"],
        workspace=workspace,
        mounts=[*python_mounts(), Mount(packages, PurePosixPath("/packages"))],
        environment={"PYTHONPATH": "/packages"},
    )

    assert 'File "/packages/broken.py", line 2, in fail' in result.output
    assert "ValueError: from the byte code" in result.output


async def test_sources_are_compiled_and_never_run(packages: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    touch = f"import pathlib; pathlib.Path({str(ran)!r}).touch()\n"
    for name in ("tidy.py", "sitecustomize.py", "compileall.py", "py_compile.py", "resource.py", "x.pth"):
        (packages / name).write_text(touch)

    await compile_packages(packages)

    assert compiled(packages) == {"tidy", "sitecustomize", "compileall", "py_compile", "resource"}
    assert not ran.exists()


@pytest.mark.parametrize(
    "hard",
    [
        b"def template(:\n",
        b"\0\xff",
        b"(" * 100_000,
        b"-" * 200_000 + b"1",
        b"x = " + b"1 + " * 50_000 + b"1",
        b"x = 1" + b"0" * 1_000_000,
    ],
    ids=["syntax", "bytes", "brackets", "signs", "sum", "number"],
)
async def test_a_source_that_cannot_be_compiled_is_ignored(packages: Path, hard: bytes) -> None:
    (packages / "hard.py").write_bytes(hard)
    (packages / "later.py").write_text("x = 1\n")

    await compile_packages(packages)

    assert "later" in compiled(packages)


async def test_a_compiler_that_takes_too_long_is_stopped_and_the_rest_is_left(packages: Path) -> None:
    for number in range(20):
        (packages / f"m{number}.py").write_text(f"x{number} = 1\n" * 20_000)

    await compile_packages(packages, timeout_s=0.3)

    assert len(compiled(packages)) < 20


async def test_byte_code_that_a_wheel_brought_gives_way_to_what_its_source_says(packages: Path) -> None:
    source = packages / "said.py"
    source.write_text("print('wheel')\n")
    subprocess.run([sys.executable, "-m", "py_compile", str(source)], check=True)
    before = source.stat()
    source.write_text("print('yours')\n")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))

    await compile_packages(packages)

    said = subprocess.run(
        [sys.executable, "-c", "import said"],
        env={"PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "yours\n"
