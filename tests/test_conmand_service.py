"""conmand under systemd: its unit files, as systemd itself reads them."""

import shutil
import subprocess

import pytest

from conman_lab.lab.cli import main
from conman_lab.lab.service import UNITS, units


def test_install_show_and_remove(tmp_path, capsys):
    where = f"--directory={tmp_path}"
    assert main(["service", "install", where]) == 0
    assert "systemctl daemon-reload" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(UNITS)
    assert "KillMode=process" in (tmp_path / "conmand.service").read_text()
    assert main(["service", "install", where]) == 0, "twice is once"
    assert main(["service", "show", where]) == 0
    assert "ListenStream=/run/conmand.sock" in capsys.readouterr().out
    assert main(["service", "remove", where]) == 0
    assert main(["service", "remove", where]) == 0
    assert [*tmp_path.iterdir()] == []


def test_somebodys_own_unit_is_left_alone(tmp_path, capsys):
    own = tmp_path / "conmand.service"
    own.write_text("[Service]\nExecStart=/bin/true\n")
    for verb in ("install", "remove"):
        assert main(["service", verb, f"--directory={tmp_path}"]) == 1
        assert "is not of our making" in capsys.readouterr().err
        assert "/bin/true" in own.read_text()


def test_without_systemd_it_says_so(tmp_path, capsys):
    assert main(["service", "install", f"--directory={tmp_path}/none"]) == 1
    assert "is this machine run by systemd?" in capsys.readouterr().err


@pytest.mark.parametrize("directory", ["bin", "my course", "100%"])
def test_systemd_understands_the_units(tmp_path, directory):
    """Its own checker, where there is one; it looks whether the program is there."""
    if not (checker := shutil.which("systemd-analyze")):
        pytest.skip("no systemd-analyze here")
    program = tmp_path / directory / "conmand"
    program.parent.mkdir()
    program.touch(0o755)
    for name, text in units(str(program.with_name("python"))):
        (tmp_path / name).write_text(text)
    files = [str(tmp_path / name) for name in UNITS]
    done = subprocess.run([checker, "verify", *files], capture_output=True, text=True)
    about_ours = [line for line in done.stderr.splitlines() if "conmand" in line]
    assert about_ours == [], done.stderr
