"""The command `velatura`: a table of verbs, and the one place where errors become exit statuses.

A verb's module is imported when it is called: `velatura --help` loads click and this table, nothing else. Every verb's module offers either
`command` (a function with typer's annotations) or `app` (a `typer.Typer` with verbs of its own).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from velatura import __version__
from velatura.errors import BadSpec, VelaturaError, nearest, one_line

__all__ = ["VERBS", "main"]

VERBS: dict[str, tuple[str, str]] = {
    "obfuscate": ("velatura.cli.obfuscate", "Make faces, plates, people in pictures and clips unrecognisable, or seal them."),
    "remove": ("velatura.cli.remove", "Take people and things out of pictures and clips, and fill in what was behind."),
    "unseal": ("velatura.cli.unseal", "Restore what was sealed, with the recipient's key."),
    "detect": ("velatura.cli.detect", "Say where faces, plates, people, vehicles, text are."),
    "scan": ("velatura.cli.scan", "Say what a file leaks beside its pixels."),
    "attack": ("velatura.cli.attack", "Attack a method on your own pictures: what still shows?"),
    "audit": ("velatura.cli.audit", "Protect, attack, verdict, from a spec, with a report."),
    "report": ("velatura.cli.report", "Show, compare and export reports."),
    "edge": ("velatura.cli.edge", "Count where the camera is; signed numbers leave, and no frame."),
    "fl": ("velatura.cli.fl", "Train with several sites without pooling their rows."),
    "he": ("velatura.cli.he", "Let a server run your model on data that it cannot read."),
    "enclave": ("velatura.cli.enclave", "Verify who computes before anything is sent; run where the operator cannot look."),
    "keys": ("velatura.cli.keys", "Make and show the keys of recipients and signers."),
    "models": ("velatura.cli.models", "List, bring, add and verify the detectors' files."),
    "doctor": ("velatura.cli.doctor", "Say what works here, what is missing, and the command that brings it."),
    "demo": ("velatura.cli.demo", "The main job on a picture and a clip, with a page to look at."),
}

HELP = """Protect pictures and clips, attack the protection, and report what still shows.

Nothing is sent anywhere: only `models pull` opens a connection. Nothing is overwritten without --force."""

EPILOG = """\b
Options of every verb:
  --json    one JSON document on stdout
  --quiet   no progress
  --debug   show the traceback of an error
\b
Example:
  velatura models pull
  velatura obfuscate street.mp4 -o street-safe.mp4"""


class Verbs(click.Group):
    """Verbs from the table; each is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        return load_verb(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            raise click.UsageError(f"there is no verb {one_line(args[0], 60)!r}\n  {nearest(args[0], VERBS)}")
        return super().resolve_command(ctx, args)


def load_verb(name: str) -> click.Command:
    """Import a verb and turn its annotations into a click command."""
    import typer
    import typer.core

    typer.core.HAS_RICH = False  # with rich present it escapes "[default: ..]" for a renderer that we do not use
    module = import_module(VERBS[name][0])
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
        app.command(name, epilog=getattr(module, "EPILOG", None), no_args_is_help=getattr(module, "NO_ARGS_IS_HELP", False))(module.command)
    command: click.Command = typer.main.get_command(app)
    command.name = name
    for info in app.registered_commands:
        assert info.callback is not None, "a registered verb has a function"
        own = command.commands[info.name or info.callback.__name__] if isinstance(command, click.Group) else command
        _help_of_arguments(own, info.callback)
    return command


def _help_of_arguments(command: click.Command, function: Any) -> None:
    """Click 8.5 resets the help that typer gives to arguments, and lists arguments beside typer's own list: put the one back, leave the other out."""
    from typing import get_type_hints

    from typer.models import ArgumentInfo

    hints = get_type_hints(function, include_extras=True)
    for parameter in command.params:
        told = [part.help for part in getattr(hints.get(parameter.name or ""), "__metadata__", ()) if isinstance(part, ArgumentInfo)]
        if told and told[0] and not getattr(parameter, "help", None):
            parameter.help = told[0]
    command.format_arguments = lambda ctx, formatter: None  # type: ignore[attr-defined,method-assign,unused-ignore]


@click.group(cls=Verbs, help=HELP, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="velatura", message="%(prog)s %(version)s")
def verbs() -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the console script; always ends in `sys.exit` with a status of the contract."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    ours = words[: words.index("--")] if "--" in words else words
    debug, as_json = "--debug" in ours, "--json" in ours
    if debug:
        words.remove("--debug")
    _hold_standard_streams()
    _end_on_signals()
    _one_thread_each()
    status = _run(words, ours, debug=debug, as_json=as_json)
    _let_go()
    sys.exit(status)


class Interrupted(VelaturaError):
    """Ctrl-C, SIGTERM, or a terminal that was closed."""

    exit_status = 130


def _command(words: list[str]) -> str:
    """As a result names it: the verb, and of a room its own verb."""
    name = words[0] if words and not words[0].startswith("-") else ""
    if len(words) < 2 or name not in VERBS or words[1].startswith("-"):
        return name
    try:
        command = load_verb(name)
    except Exception:
        return name  # it is what could not be loaded
    return f"{name} {words[1]}" if isinstance(command, click.Group) and words[1] in command.commands else name


def _run(words: list[str], ours: list[str], *, debug: bool, as_json: bool) -> int:
    """`ours`: those of the words that are not behind `--`."""
    try:
        status = verbs.main(words, prog_name="velatura", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted; nothing half-written was left")
        if as_json:
            _as_json(_command(ours), Interrupted("cli.interrupted", "interrupted; nothing half-written was left"))
        return Interrupted.exit_status
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        return _usage(error, as_json=as_json, command=_command(ours))
    except click.exceptions.Exit as done:
        return done.exit_code
    except VelaturaError as error:
        if debug:
            raise
        return _refused(error, as_json=as_json, command=_command(ours))
    except BrokenPipeError:
        return 1  # nobody takes our output any more
    except Exception as error:
        if debug:
            raise
        told = _of_the_system(error)
        return (
            _unexpected(error, as_json=as_json, command=_command(ours)) if told is None else _refused(told, as_json=as_json, command=_command(ours))
        )


def _usage(error: click.ClickException, *, as_json: bool, command: str) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "velatura"
    lines = error.format_message().splitlines() or [""]
    _say(f"error: {lines[0]}")
    for line in lines[1:]:
        _say(line)
    _say(f"  see {path} --help")
    if as_json:
        _as_json(command, BadSpec("cli.usage", lines[0], hint=f"see {path} --help"))
    return 2


def _refused(error: VelaturaError, *, as_json: bool, command: str) -> int:
    _say(f"error: {error}")
    if error.hint:
        _say(f"  {error.hint}")
    if as_json:
        _as_json(command, error)
    return error.exit_status


def _as_json(command: str, error: VelaturaError) -> None:
    from velatura.cli.output import emit_error

    emit_error(command, error)


def _of_the_system(error: Exception) -> VelaturaError | None:
    """What the system says of a path that a person named, or of the disk, is no defect; None: it may be one."""
    import errno

    if not isinstance(error, OSError):
        return None
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return VelaturaError("files.disk-full", "the disk is full; nothing half-written was left", hint="make room, and start again")
    if error.errno == errno.ENOENT and not error.filename and "temporary directory" in str(error):  # of `tempfile`, which tries each by writing
        return VelaturaError("files.no-temporary", "no folder for temporary files can be written", hint="make room on the disk, or set TMPDIR")
    persons = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EIO)
    if error.errno not in persons or not error.filename:
        return None
    return VelaturaError(
        "files.io", f"{os.fsdecode(error.filename)}: {error.strerror}", hint="another path; look at its permissions, and at the disk"
    )


def _unexpected(error: Exception, *, as_json: bool, command: str) -> int:
    told = VelaturaError(
        "internal",
        f"unexpected {type(error).__name__}: {one_line(str(error))}",
        hint="this is a defect: please report it with the output of the same command and --debug",
    )
    return _refused(told, as_json=as_json, command=command)


def _hold_standard_streams() -> None:
    """Where a stream was closed (`>&-`), its number would be given to the next file that is opened, and messages would go into that."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or os.fdopen(0)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")


def _let_go() -> None:
    """What waits in a stream that nobody takes any more (`| head`, a full disk) must not fail once more when the interpreter ends."""
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def _say(line: str) -> None:
    try:
        print(line.encode(sys.stderr.encoding or "utf-8", "replace").decode(sys.stderr.encoding or "utf-8"), file=sys.stderr, flush=True)  # noqa: T201
    except (OSError, ValueError, AttributeError):
        return  # stderr is closed: the exit status still tells


def _one_thread_each() -> None:
    """The pools of numpy and OpenCV spin while they wait, for a tenth of a clip's CPU time and no gain. Who has set these names keeps them."""
    for name in ("OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):  # read when the libraries are loaded, which is later
        os.environ.setdefault(name, "1")


def _end_on_signals() -> None:
    """SIGTERM, and the hang-up of a terminal, end like Ctrl-C: temporary files go, children end."""
    import signal
    import threading

    def interrupt(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup stays what it is
            signal.signal(number, interrupt)


if __name__ == "__main__":
    main()
