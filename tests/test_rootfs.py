"""A root file system on the spot: of busybox, or of what the host has."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conman_lab.oci import rootfs

OBJECT_FILE = b"\x7fELF\2\1\1" + bytes(9) + b"\1\0" + bytes(100)


def needs_busybox():
    if rootfs.find_busybox() is None:
        pytest.skip("there is no static busybox")


def listing(root):
    """Every path below it, with what would show a change."""
    seen = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        seen[path] = (status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode)
    return seen


def test_busybox_is_static():
    needs_busybox()
    assert rootfs.is_static(rootfs.find_busybox())


@pytest.mark.parametrize("program", ["ls", "sh", "runc"])
def test_a_program_is_static_if_ldd_says_so(program):
    """ldd(1) is the oracle."""
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if path is None or shutil.which("ldd") is None:
        pytest.skip(f"no {program} or no ldd")
    said = subprocess.run(["ldd", path], capture_output=True, text=True)
    dynamic = "=>" in said.stdout
    assert rootfs.is_static(Path(path)) is not dynamic


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"#!/bin/sh\n",
        b"\x7fELF",
        b"\x7fELF\2",
        b"\x7fELF\1" + bytes(99),
        OBJECT_FILE,
    ],
    ids=["empty", "script", "4 bytes", "5 bytes", "32-bit", "object file"],
)
def test_what_is_no_program_is_not_static(tmp_path, content):
    file = tmp_path / "file"
    file.write_bytes(content)
    assert not rootfs.is_static(file)


def test_a_rootfs_is_a_busybox_and_its_names(tmp_path):
    needs_busybox()
    rootfs.build(tmp_path / "rootfs")
    busybox = tmp_path / "rootfs" / "bin" / "busybox"
    assert busybox.read_bytes() == rootfs.find_busybox().read_bytes()
    known = subprocess.run([busybox, "--list"], capture_output=True, text=True)
    named = {path.name for path in busybox.parent.iterdir() if path.is_symlink()}
    assert named == set(rootfs.APPLETS) <= set(known.stdout.split())
    assert {path.name for path in (tmp_path / "rootfs").iterdir()} == set(
        rootfs.DIRECTORIES
    )


def test_what_is_built_stays_as_it_is(tmp_path):
    needs_busybox()
    rootfs.build(tmp_path)
    (tmp_path / "etc" / "passwd").write_text("mine\n")
    (tmp_path / "bin" / "cat").unlink()
    (tmp_path / "bin" / "cat").write_text("mine\n")
    before = listing(tmp_path)
    rootfs.build(tmp_path)
    assert listing(tmp_path) == before


def test_what_is_half_built_is_completed(tmp_path):
    """Somebody has pressed Ctrl-C in the middle."""
    needs_busybox()
    rootfs.build(tmp_path)
    whole = set(listing(tmp_path))
    (tmp_path / "bin" / "busybox").rename(tmp_path / "bin" / "busybox.unfinished")
    (tmp_path / "bin" / "sh").unlink()
    (tmp_path / "proc").rmdir()
    rootfs.build(tmp_path)
    assert set(listing(tmp_path)) == whole


def test_without_busybox_it_says_what_to_do(tmp_path):
    """In a mount namespace where each of its places is covered by an empty file."""
    needs_busybox()
    script = f"""
import sys
sys.path.insert(0, {str(Path(rootfs.__file__).parents[2])!r})
from pathlib import Path
from conman_lab import linux
from conman_lab.errors import NotPossible
from conman_lab.oci import rootfs
while busybox := rootfs.find_busybox():
    linux.mount("/dev/null", str(busybox), "", linux.MS_BIND)
try:
    rootfs.build(Path("/nowhere"))
except NotPossible as error:
    print(error)
"""
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", script],
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert "install busybox-static (./lab setup does)" in done.stdout


@pytest.fixture
def borrower(tmp_path, bundle):
    """A bundle with an empty rootfs, and the host's programs in it."""
    moved = bundle("hello").save(tmp_path / "borrower")
    return rootfs.borrowed(moved.with_rootfs(tmp_path / "borrower" / "rootfs")).save()


def test_a_borrowed_container_runs_the_hosts_programs(runtime, borrower):
    """With the host's libraries, and no busybox anywhere."""
    done = runtime.run("borrower", borrower.with_args("ls", "--version"))
    host = subprocess.run(["ls", "--version"], capture_output=True)
    assert (done.status, done.stdout) == (0, host.stdout)


def test_a_borrowed_container_cannot_change_the_host(runtime, borrower):
    done = runtime.run("borrower", borrower.with_args("touch", "/usr/bin/mine"))
    assert done.status == 1
    assert b"Read-only file system" in done.stderr
    assert not Path("/usr/bin/mine").exists()
