"""Promises about output: each byte, in its stream, before the exit is told."""

from functools import partial

from conman_lab.stream import Stream

from .creation import WAIT
from .patience import eventually, within
from .trial import Trial, promise

STDOUT, STDERR = Stream.STDOUT, Stream.STDERR
MIB = 1024 * 1024


@promise
def streams_apart(trial: Trial) -> None:
    """Its stdout and its stderr are kept apart."""
    wrote(trial, "echo out; echo err >&2", b"out\n", b"err\n")


@promise
def no_final_newline(trial: Trial) -> None:
    """A last line without a newline is there, and gets none."""
    wrote(trial, r"printf 'one\ntwo'; printf three >&2", b"one\ntwo", b"three")


@promise
def empty_lines(trial: Trial) -> None:
    """Empty lines are lines, too."""
    wrote(trial, r"printf '\n\n\nend\n\n'", b"\n\n\nend\n\n")


@promise
def all_bytes(trial: Trial) -> None:
    """Any byte is let through: output is no text."""
    octal = "".join(rf"\{number:03o}" for number in range(256))
    wrote(trial, f"printf '{octal}'", bytes(range(256)))


@promise
def long_line(trial: Trial) -> None:
    """A line of 1 MiB comes back in one piece."""
    script = "dd if=/dev/zero bs=64k count=16 2>/dev/null | tr '\\0' x; echo"
    wrote(trial, script, b"x" * MIB + b"\n")


@promise
def piecemeal(trial: Trial) -> None:
    """A line that is written piece by piece comes back whole."""
    script = f"printf one; {WAIT}; printf ' two' >&1; {WAIT}; echo ' three'"
    container = trial.begin(script)
    trial.cue()
    trial.cue()
    seen = trial.written(container)
    trial.expect(seen == b"one two three\n", r"b'one two three\n'", str(seen))


@promise
def all_before_exit(trial: Trial) -> None:
    """All of 10 MiB is there when the exit is told."""
    line = "x" * 63
    container = trial.begin(f"yes {line} | head -n 163840")
    seen = trial.written(container)
    good = seen == f"{line}\n".encode() * 163840
    trial.expect(good, "all of 10 MiB", f"{len(seen)} bytes")


@promise
def last_words(trial: Trial) -> None:
    """Its last words are there when the exit is told."""
    wrote(trial, "seq 1000; echo the end >&2; exit 1", lines(1000), b"the end\n")


@promise
def both_at_once(trial: Trial) -> None:
    """A flood on both streams at once does not lock it up."""
    out, err = "o" * 31, "e" * 31
    flood = f"yes {out} | head -n 32768 & yes {err} | head -n 32768 >&2; wait"
    container = trial.begin(flood)
    seen = (trial.written(container, STDERR), trial.written(container, STDOUT))
    good = seen == (f"{err}\n".encode() * 32768, f"{out}\n".encode() * 32768)
    trial.expect(good, "1 MiB of each", f"{len(seen[0])} and {len(seen[1])} bytes")


@promise
def at_once(trial: Trial) -> None:
    """A line can be read while the container is running."""
    shows_at_once(trial, "echo hello", b"hello\n")


@promise
def prompt_at_once(trial: Trial) -> None:
    """A line can be read before it has been ended."""
    shows_at_once(trial, "printf 'your name? '", b"your name? ")


@promise
def stdout_closed(trial: Trial) -> None:
    """It may close its stdout, and its stderr is still heard."""
    # Line by line, for the first may well be there before anybody has seen the end.
    slowly = "for word in and still heard; do echo $word >&2; sleep 0.1; done"
    wrote(trial, f"echo out; exec >&-; {slowly}", b"out\n", b"and\nstill\nheard\n")


def wrote(trial: Trial, script: str, stdout: bytes, stderr: bytes = b"") -> None:
    """Expect that exactly this comes back."""
    container = trial.begin(script)
    for stream, wanted in ((STDOUT, stdout), (STDERR, stderr)):
        seen = trial.written(container, stream)
        name = stream.name.lower()
        trial.expect(seen == wanted, f"{name} {brief(wanted)}", f"{name} {brief(seen)}")


def shows_at_once(trial: Trial, script: str, wanted: bytes) -> None:
    """Expect that it is there before the container ends."""
    container = trial.begin(f"{script}; {WAIT}")
    eventually(lambda: within(1.0, partial(container.output, STDOUT)) == wanted)
    seen = within(1.0, partial(container.output, STDOUT))
    trial.expect(seen == wanted, str(wanted), str(seen))


def lines(count: int) -> bytes:
    """What seq(1) writes."""
    return b"".join(b"%d\n" % number for number in range(1, count + 1))


def brief(content: bytes) -> str:
    """The bytes, or how many, if they are many."""
    return str(content) if len(content) <= 40 else f"{len(content)} bytes"
