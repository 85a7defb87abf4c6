"""All that any shim promises, in groups; the first are the pitfalls.

The words of a promise are its docstring's.
"""

from conman_lab import pitfalls
from conman_lab.checks import Check

from . import (
    creation,
    ends,
    execs,
    inside,
    keeping,
    output,
    records,
    removal,
    stdin,
    terminal,
    watching,
)

GROUPS: dict[str, tuple[Check, ...]] = {
    "the pitfalls": pitfalls.ALL,
    "creation": (
        creation.living_pid,
        creation.waits_for_start,
        creation.becomes_command,
        creation.in_own_words,
        creation.bad_rootfs,
        creation.half_way,
        creation.name_taken,
        creation.name_free_again,
        creation.two_at_a_time,
        creation.nothing_kept_open,
    ),
    "inside the container": (
        inside.stdin_at_end,
        inside.three_descriptors,
        inside.sigpipe,
        inside.signals_ignored,
        inside.out_of_memory_score,
        inside.environment,
    ),
    "its output": (
        output.streams_apart,
        output.no_final_newline,
        output.empty_lines,
        output.all_bytes,
        output.long_line,
        output.piecemeal,
        output.all_before_exit,
        output.last_words,
        output.both_at_once,
        output.at_once,
        output.prompt_at_once,
        output.stdout_closed,
    ),
    "its log": (
        records.records,
        records.full_and_partial,
        records.in_order,
        records.times,
    ),
    "its end": (
        ends.success,
        ends.failure,
        ends.largest_code,
        ends.killed,
        ends.crashed,
        ends.code_or_signal,
        ends.out_of_memory,
        ends.not_for_memory,
        ends.exit_time,
        ends.before_start,
        ends.asked_late,
        ends.deadline,
        ends.stopped,
        ends.its_children,
        ends.stray,
        ends.outputs_closed,
    ),
    "its keeper": (
        keeping.somebody_stays,
        keeping.nobodys_child,
        keeping.own_session,
        keeping.stdio_let_go,
        keeping.known_by_name,
        keeping.outlives_manager,
        keeping.forwards,
        keeping.kill,
        keeping.orphans_reaped,
        keeping.keeper_goes,
    ),
    "its viewers": (
        watching.viewer_sees,
        watching.viewers,
        watching.viewer_sees_all,
        watching.viewer_leaves,
        watching.viewer_sleeps,
        watching.socket_goes,
    ),
    "its stdin": (
        stdin.stdin_arrives,
        stdin.stdin_ends,
        stdin.stdin_stays_open,
        stdin.stdin_of_all,
        stdin.stdin_waits,
        stdin.stdin_unread,
        stdin.stdin_closed,
    ),
    "its terminal": (
        terminal.terminal,
        terminal.terminal_output,
        terminal.terminal_drained,
        terminal.terminal_watched,
        terminal.terminal_typed,
        terminal.terminal_interrupt,
        terminal.terminal_window,
        terminal.terminal_opened_again,
    ),
    "a command more in it": (
        execs.exec_exit,
        execs.exec_killed,
        execs.exec_output,
        execs.exec_terminal,
        execs.exec_container_ends,
        execs.exec_in_own_words,
    ),
    "its deletion": (
        removal.delete_created,
        removal.delete_running,
        removal.delete_ended,
        removal.delete_strays,
        removal.delete_keeperless,
        removal.delete_twice,
    ),
}

PROMISES: tuple[Check, ...] = tuple(
    check for group in GROUPS.values() for check in group
)
