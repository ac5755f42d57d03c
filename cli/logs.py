"""`sma logs`: prints the end of the log files of a part of the local stack, and goes on while it is added to."""

import time
from contextlib import ExitStack
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from cli.console import out, print_table
from deploy.local.logs import Log, log_files, logged_programs, programs_of
from deploy.local.parts import OPTIONAL_PROGRAMS, PROGRAMS
from sma.errors import SmaError

_POLL_S = 0.5


def _names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    programs = (program for part in PROGRAMS for program in (*PROGRAMS[part], *OPTIONAL_PROGRAMS.get(part, ())))
    names = dict.fromkeys([*PROGRAMS, *programs])
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command()
@click.argument("part", required=False, shell_complete=_names)
@click.option("--lines", default=50, show_default=True, type=click.IntRange(min=0), help="how many of each process")
@click.option("--follow", is_flag=True, help="go on with the lines that are added, until interrupted")
def logs(part: str | None, lines: int, follow: bool) -> None:
    """Print the end of the log files of PART, a part as in `sma status` or one of its processes.

    Without PART, lists the parts with their files. Works while the stack is down.

    \b
    Examples:
      sma logs
      sma logs flink --lines 200
      sma logs flink-taskmanager --follow
    """
    if part is None and follow:
        raise click.UsageError("--follow needs a PART: `sma logs` lists them")

    from sma.settings import load_settings

    state_dir = load_settings().state_dir
    if part is None:
        _list_files(state_dir)
        return
    programs = logged_programs(state_dir, part)
    if not follow and not any(log_files(state_dir, program) for program in programs):
        raise SmaError(f"{part} has no log in {state_dir / 'logs'}: it was not started here; see `sma status`")
    with ExitStack() as opened:
        all_logs = {program: opened.enter_context(Log(state_dir, program)) for program in programs}
        for program, log in all_logs.items():
            last = log.last_lines(lines)
            _print(program, last if follow else [*last, *log.unfinished_lines()], len(programs))
        while follow:
            time.sleep(_POLL_S)
            for program, log in all_logs.items():
                _print(program, log.added_lines(), len(programs))


def _print(program: str, lines: list[str], programs: int) -> None:
    """Print lines of a process, under its name where there are several."""
    if lines and programs > 1:
        click.echo(f"==> {program} <==")
    for line in lines:
        click.echo(line)


def _list_files(state_dir: Path) -> None:
    rows = [
        (part, program, str(path), path.stat().st_size)
        for part in PROGRAMS
        for program in programs_of(part)
        for path in log_files(state_dir, program)
    ]
    if not rows:
        out.print(f"no part has a log in {state_dir / 'logs'} yet: `sma up` starts the stack")
        return
    print_table("", ["part", "process", "file", "bytes"], rows)
