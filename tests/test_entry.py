"""`./lab`: the words it knows, what it asks for, and what it opens."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from importlib import metadata
from pathlib import Path

import pytest
from eventually import eventually
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from test_doctor import A_USER

from conman_lab import places
from conman_lab.lab import jupyterlab, kernelspec

ENTRY = places.COURSE / "lab"
LOCKS = ("requirements.lock", "requirements-test.lock")
BESIDE_IT = ("lab", "pyproject.toml", "README.md", "LICENSE", *LOCKS)
TOOLS = "sh cat cmp dirname env grep head id rm sed sleep uname".split()
NOBODY = 65534
BUSYBOXES = "/bin/busybox /sbin/busybox /bin/busybox.static /usr/bin/busybox-static"


@pytest.fixture
def checkout(tmp_path):
    """A copy in which nothing is set up; a user may enter it."""
    here = tmp_path / "a checkout"  # with a blank in its path
    here.mkdir()
    for name in BESIDE_IT:
        shutil.copy(places.COURSE / name, here)
    (here / "conman_lab").symlink_to(places.COURSE / "conman_lab")
    for directory in (here, *here.parents):
        if directory.is_relative_to("/tmp") and directory != Path("/tmp"):
            directory.chmod(0o755)
    return here


@pytest.fixture
def programs(tmp_path):
    """A directory with a few programs, to be all of PATH: `programs(apk="exit 0")`."""
    directory = tmp_path / "bin"

    def give(**scripts):
        directory.mkdir(mode=0o755)
        found = {name: shutil.which(name) for name in TOOLS} | {
            "python3": sys.executable
        }
        for name in found.keys() - scripts.keys():
            (directory / name).symlink_to(found[name])
        for name, script in scripts.items():
            program = directory / name.replace("_", "-")
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)
        return {"PATH": str(directory)}

    return give


def say(where, *words, env=None, user=None, around=()):
    """Call ./lab without a terminal; its exit status and all its words."""
    done = subprocess.run(
        [*around, where / "lab", *words],
        env={"HOME": str(where), **(env or os.environ)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        user=user,
    )
    return done.returncode, done.stdout


def test_help_tells_every_word_that_it_knows():
    status, said = say(places.COURSE, "help")
    cases = re.findall(r"^    ([a-z]+)(?: \| .*)?\) ", ENTRY.read_text(), re.MULTILINE)
    hidden = {"start", "open", "lock"}  # ./lab alone; and for those who look for it
    assert status == 0
    for word in {*cases} - hidden:
        assert f"./lab {word}" in said


def test_an_option_that_is_none_is_refused():
    assert say(places.COURSE, "--fast")[0] == 1
    assert say(places.COURSE, "setup", "--fast")[0] == 1


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_it_is_read_by_any_shell(shell):
    assert subprocess.run([shell, "-n", ENTRY]).returncode == 0


def test_another_system_is_told_to_take_a_vm(checkout, programs):
    status, said = say(checkout, env=programs(uname="echo Darwin"))
    assert status == 1
    assert "this is Darwin: take a Linux VM" in said


def test_a_python_that_will_not_do_is_named(checkout, programs):
    status, said = say(checkout, "setup", env={**programs(), "PYTHON": "/bin/false"})
    assert status == 1
    assert "PYTHON=/bin/false is no Python of 3.11 or later" in said


def test_a_python_too_old_is_told_what_to_do(checkout, programs):
    old = '[ "$1" = -V ] && echo Python 3.9.2 && exit; exit 1'
    status, said = say(checkout, "setup", env=programs(python3=old))
    assert status == 1
    assert "this is Python 3.9.2: install a newer one beside it, or uv" in said


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("dnf", "dnf install conmon crun chromium strace procps-ng"),
        ("apk", "apk add conmon crun chromium strace procps-ng"),
        ("pacman", "pacman -S conmon crun chromium strace procps-ng"),
        ("zypper", "zypper install conmon crun chromium strace procps"),
    ],
)
def test_other_distributions_are_told_their_packages(
    checkout, programs, manager, command
):
    status, said = say(checkout, "test", env=programs(**{manager: "exit 1"}))
    assert status == 1
    assert command in said


def test_without_a_terminal_it_asks_nobody_and_installs_nothing(checkout, programs):
    path = programs(apt_get=f"touch {checkout}/called")
    status, said = say(checkout, "setup", "--peers", env=path)
    assert status == 1
    assert "install conmon crun with apt-get? There is no terminal to ask at" in said
    assert not (checkout / "called").exists()


@pytest.mark.parametrize("words", [["setup", "-y", "--peers"], ["setup", "--peers"]])
def test_it_does_not_ask_with_y_or_in_ci(checkout, programs, words):
    path = programs(apt_get=f"echo $* >>'{checkout}/called'; exit 100")
    ci = {} if "-y" in words else {"CI": "true"}
    status, said = say(checkout, *words, env={**path, **ci})
    assert status == 1
    assert "apt-get could not install conmon crun" in said
    assert "install -y --no-install-recommends conmon crun" in (
        (checkout / "called").read_text()
    )


@pytest.mark.needs_root
def test_without_root_or_sudo_it_says_how_to_become_root(checkout, programs):
    status, said = say(checkout, "clean", env=programs(), user=NOBODY)
    assert status == 1
    assert "this takes root, and there is no sudo: start ./lab as root" in said
    assert "Without root there is a replay: CONMAN_LAB_MODE=replay ./lab" in said


@pytest.mark.needs_root
def test_a_sudo_that_asks_for_a_password_is_told(checkout, programs):
    path = programs(sudo="echo sudo: a password is required >&2; exit 1")
    status, said = say(checkout, "clean", env=path, user=NOBODY)
    assert status == 1
    assert "sudo asks for a password, and there is no terminal to type it" in said


@pytest.mark.needs_root
def test_clean_works_in_a_checkout_that_was_moved(checkout, programs, tmp_path):
    """What is in .venv names the place where it was made; and a json.py is not ours."""
    moved = checkout / ".venv" / "bin" / "conman-lab"
    moved.parent.mkdir(parents=True)
    moved.write_text("#!/where/it/was/.venv/bin/python\n")
    moved.chmod(0o755)
    (tmp_path / "json.py").write_text(
        "raise SystemExit('somebody else is run as root')"
    )
    env = {**programs(), "CONMAN_LAB_ROOT": str(tmp_path / "root")}
    around = ["/usr/bin/env", "-C", tmp_path]
    assert say(checkout, "clean", env=env, around=around) == (0, "nothing to remove\n")


@pytest.mark.needs_root
@pytest.mark.needs_runc
def test_the_first_time_takes_a_network_and_says_so(checkout, programs):
    env = {**programs(), "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
    status, said = say(checkout, "setup", env=env, around=["/usr/bin/unshare", "-n"])
    assert status == 1
    assert "This takes a network, the first time only" in said


@pytest.mark.needs_root
@pytest.mark.needs_runc
def test_the_next_time_takes_neither_network_nor_time():
    if not in_place():
        pytest.skip("this .venv was not made by ./lab")
    command = ["timeout", "2", "unshare", "-n", ENTRY, "setup"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "lab: all is in place; now ./lab opens the notebooks\n"


@pytest.mark.needs_root
@pytest.mark.needs_runc
def test_a_replay_asks_for_no_runtime(checkout, programs):
    """There is none, and neither a busybox nor a network."""
    hide = f"""
        for it in {shutil.which("runc")} {BUSYBOXES}; do
            [ ! -e $it ] || /bin/mount --bind /dev/null $it
        done
        exec "$@"
    """
    around = ["/usr/bin/unshare", "-mn", "/bin/sh", "-c", hide, "sh"]
    env = {**programs(), "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
    real = say(checkout, "setup", env=env, around=around)
    assert "install it, and start again: runc busybox-static" in real[1]
    replayed = say(
        checkout, "setup", env={**env, "CONMAN_LAB_MODE": "replay"}, around=around
    )
    assert "This takes a network, the first time only" in replayed[1]


def in_place():
    """What ./lab asks before it does nothing: see stamp() there."""
    python = places.COURSE / ".venv" / "bin" / "python"
    if not python.exists():
        return False
    version = subprocess.run([python, "-V"], capture_output=True, text=True).stdout
    read = [(places.COURSE / name).read_text() for name in ("pyproject.toml", LOCKS[0])]
    installed = python.parents[1] / LOCKS[0]
    stamp = f"{places.COURSE}\n{version}{''.join(read)}"
    return installed.exists() and installed.read_text() == stamp


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_by_its_hash_and_no_line_names_a_host(lock):
    text = (places.COURSE / lock).read_text()
    assert "://" not in text
    for package in re.findall(r"^[a-z].*\n.*", text, re.MULTILINE):
        assert re.match(r"[a-z0-9-]+==\S.* \\\n    --hash=sha256:", package), package


def test_what_the_project_asks_for_is_locked():
    project = tomllib.loads((places.COURSE / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    asked = [*project["project"]["dependencies"], *groups["lab"], *groups["build"]]
    assert {name_of(it) for it in asked} <= locked(LOCKS[0])
    tests = [it for it in groups["test"] if isinstance(it, str)]
    assert {name_of(it) for it in tests} <= locked(LOCKS[1])
    assert locked(LOCKS[0]) <= locked(LOCKS[1])


def test_a_lock_names_all_that_its_packages_need():
    # for it is installed with --no-deps
    project = tomllib.loads((places.COURSE / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    tests = [it for it in groups["test"] if isinstance(it, str)]
    asked = [*project["project"]["dependencies"], *groups["lab"], *tests]
    to_see, needed = {Requirement(it) for it in asked}, {}
    while to_see:
        it = to_see.pop()
        assert metadata.version(it.name) in it.specifier, it
        extras = needed.setdefault(canonicalize_name(it.name), set())
        if not {"", *it.extras} <= extras:
            extras |= {"", *it.extras}
            to_see |= {*needs_of(it.name, extras)}
    assert {*needed} <= locked(LOCKS[1])


def needs_of(package, extras):
    for it in map(Requirement, metadata.requires(package) or ()):
        if not it.marker or any(
            it.marker.evaluate({"extra": extra}) for extra in extras
        ):
            yield it


def name_of(requirement):
    return re.match(r"[A-Za-z0-9_.-]+", requirement)[0].lower()


def locked(lock):
    text = (places.COURSE / lock).read_text()
    return {*re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE)}


# --- what it opens


@pytest.fixture
def opened(monkeypatch):
    """JupyterLab as `./lab open` opens it: its address and its token."""
    monkeypatch.delenv("DISPLAY", raising=False)
    command = [sys.executable, "-m", "conman_lab.lab.cli", "open", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        said = ""
        while not (
            found := re.search(r"(http://127.0.0.1:\d+)/lab\?token=(\w+)", said)
        ):
            line = server.stdout.readline()
            assert line, said
            said += line
        yield found.groups()
        server.terminate()
        server.communicate()


def ask(address, path, token=""):
    """What its API answers; None until it listens."""
    headers = {"Authorization": f"token {token}"} if token else {}
    request = urllib.request.Request(f"{address}/api/{path}", headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError:
        return None


def test_jupyterlab_shows_the_notebooks_to_whoever_has_the_token(opened):
    address, token = opened
    content = eventually(lambda: ask(address, "contents", token), timeout=30)["content"]
    there = {path.name for path in places.notebooks().glob("*.ipynb")}
    assert there <= {each["name"] for each in content}
    assert ask(address, "contents") == 403


def test_its_kernels_are_quiet_and_of_this_python(opened):
    address, token = opened
    specs = eventually(lambda: ask(address, "kernelspecs", token), timeout=30)
    argv = specs["kernelspecs"]["python3"]["spec"]["argv"]
    assert sys.executable in argv
    assert kernelspec.QUIET in argv


def test_a_browser_is_looked_for_where_there_is_a_display(monkeypatch):
    for name in jupyterlab.DISPLAYS:
        monkeypatch.delenv(name, raising=False)
    assert "--no-browser" in jupyterlab.options()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert "--no-browser" not in jupyterlab.options()


def test_a_user_s_kernel_is_root_s_and_root_s_needs_no_sudo():
    theirs, roots = kernelspec.kernelspec(False), kernelspec.kernelspec(True)
    assert theirs["argv"][:4] == ["sudo", "-n", "-E", "-H"]
    assert theirs["interrupt_mode"] == "message"
    assert roots["argv"][0] == sys.executable


@pytest.mark.needs_root
def test_a_replay_s_kernel_is_the_user_s_own(tmp_path):
    tmp_path.chmod(0o777)
    program = (
        "import sys; from pathlib import Path; from conman_lab.lab import kernelspec; "
        "kernelspec.install(Path(sys.argv[1]))"
    )
    command = [*A_USER, sys.executable, "-c", program, tmp_path / "share"]
    env = {**os.environ, "CONMAN_LAB_MODE": "replay"}
    subprocess.run(command, env=env, check=True)
    assert spec_in(tmp_path / "share" / "ours") == kernelspec.kernelspec(True)


@pytest.mark.needs_root
def test_a_replay_leaves_an_open_jupyterlab_its_kernels(tmp_path):
    """Both are the user's; each kernel's start reads the file again."""
    tmp_path.chmod(0o777)
    program = (
        "import sys; from pathlib import Path; from conman_lab.lab import kernelspec; "
        "print(kernelspec.install(Path(sys.argv[1])))"
    )
    command = [*A_USER, sys.executable, "-c", program, tmp_path / "share"]
    opened = subprocess.run(command, capture_output=True, text=True, check=True)
    env = {**os.environ, "CONMAN_LAB_MODE": "replay"}
    subprocess.run(command, capture_output=True, env=env, check=True)
    where = Path(opened.stdout.strip())
    assert spec_in(where) == kernelspec.kernelspec(False)


def spec_in(share):
    return json.loads((share / "kernels" / "python3" / "kernel.json").read_text())


@pytest.mark.needs_root
def test_a_venv_of_another_user_is_told_how_to_become_ours(tmp_path):
    program = (
        "import sys; from pathlib import Path; from conman_lab.lab import kernelspec; "
        "kernelspec.install(Path(sys.argv[1]))"
    )
    command = [*A_USER, sys.executable, "-c", program, tmp_path / "share"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "NotPossible" in done.stderr
    assert "sudo chown -R" in done.stderr


def test_a_user_s_kernel_ends_with_the_sudo_that_is_killed(tmp_path):
    """It is stopped, so it cannot see that itself."""
    start = "import subprocess, sys; print(subprocess.Popen(sys.argv[1:]).pid); input()"
    kernel = [
        sys.executable,
        "-m",
        "conman_lab.lab.kernel",
        "-f",
        tmp_path / "kernel.json",
    ]
    with subprocess.Popen(
        [sys.executable, "-uc", start, *kernel],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as sudo:
        pid = int(sudo.stdout.readline())
        eventually((tmp_path / "kernel.json").exists, timeout=20)
        os.kill(pid, signal.SIGSTOP)
        sudo.kill()
    eventually(lambda: not Path(f"/proc/{pid}").exists())
