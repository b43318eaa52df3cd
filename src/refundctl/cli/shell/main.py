"""The entry point: runs a command, and turns whatever goes wrong into one line and one exit code."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import typer

from refundctl.cli.shell.app import app, load
from refundctl.cli.shell.quick_options import command_of
from refundctl.cli.shell.rendering import print_error
from refundctl.domain.basics.errors import ExitCode, Interrupted, RefundctlError, UsageError, WriteFailed

INTERRUPTED = "Interrupted: nothing half-done is left; run the same command again to finish."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; never raises, never prints a traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    _open_closed_streams()
    code: int = ExitCode.OK
    try:
        with _ended_by_signals() as received:
            code = _run_or_tell(words, received)
        sys.stdout.flush()
    except OSError as error:
        # What is still to be written has nowhere to go; Python would complain once more while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if code != ExitCode.WRITE_FAILED and not isinstance(error, BrokenPipeError):
            print_error(_write_failed(error), [])
        return ExitCode.WRITE_FAILED
    return code


def _run_or_tell(words: list[str], received: list[int]) -> int:
    try:
        return _run(words)
    except RefundctlError as error:
        return print_error(error, words)
    except KeyboardInterrupt:
        return print_error(Interrupted(INTERRUPTED), words)
    except BrokenPipeError:
        raise
    except OSError as error:
        return print_error(_write_failed(error), words)
    except Exception as error:
        # Inside a function that SQLite calls, Python turns KeyboardInterrupt into an error of SQLite's.
        return print_error(Interrupted(INTERRUPTED) if received else _bug(error), words)


def _run(words: list[str]) -> int:
    _check_words(words)
    try:
        load(words)
        result = command_of(app)(args=words, prog_name="refundctl", standalone_mode=False)
    except typer.TyperException as error:
        if not words:  # the help, which Typer shows to those who ask for nothing
            print(error.format_message(), file=sys.stderr)  # noqa: T201
            return ExitCode.USAGE
        raise UsageError(_usage_message(error)) from error
    except typer.Abort as error:
        raise Interrupted(INTERRUPTED) from error
    except SystemExit as error:
        if error.code:  # Typer's answer to a reader of our output who has gone; 0 after shell completion
            raise BrokenPipeError from error
        return ExitCode.OK
    if result == ExitCode.INTERRUPTED:  # Typer turns KeyboardInterrupt into this
        raise Interrupted(INTERRUPTED)
    return int(result or 0)


def _check_words(words: list[str]) -> None:
    """Refuse what can't be meant: a blank, as from a variable that isn't set, and a name that is no text.

    The journal and JSON hold texts: a name in another encoding than the system's can't be written down there.
    """
    for before, word in zip(["refundctl", *words], words, strict=False):
        if not word or (word.startswith("--") and word.endswith("=")):
            raise UsageError(f"There is nothing where a value belongs, after {before or 'another blank'}: name one.")
        if any("\ud800" <= sign <= "\udfff" for sign in word):
            raise UsageError(f"{word} is no text in this system's encoding: rename the file, and name it again.")


def _usage_message(error: typer.TyperException) -> str:
    context: typer.Context | None = getattr(error, "ctx", None)
    hint = f"{context.command_path} --help" if context is not None else "refundctl --help"
    message = _plainer(error.format_message()).rstrip(".")
    return f"{message}{'' if message.endswith('?') else ';'} `{hint}` shows what there is."


# Typer lets pydantic say what is wrong with a value, in a programmer's words: translated here, and nowhere else.
_PLAINER = {
    "Value error, ": "",
    "Input should be a valid integer, unable to parse string as an integer": "it should be a whole number",
    "Input should be a valid number, unable to parse string as a number": "it should be a number",
    "Input should be greater than or equal to": "it should be at least",
}


def _plainer(message: str) -> str:
    for words, plain in _PLAINER.items():
        message = message.replace(words, plain)
    return message


def _write_failed(error: OSError) -> WriteFailed:
    """What the files' own messages don't speak of: stdout, or a temporary file."""
    return WriteFailed(
        f"The output or a temporary file can't be written: {error.strerror}. Make room; "
        "`refundctl runs` shows what is done."
    )


def _bug(error: Exception) -> RefundctlError:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    # The text of an unforeseen error may hold a code or a person's name: its kind and place must do.
    return RefundctlError(
        f"This is a bug in refundctl ({type(error).__name__}{where}); nothing half-done was kept. "
        "Please report it with the command that you typed."
    )


def _open_closed_streams() -> None:
    """Started with a stream closed, as by `>&-`, a command works and speaks to nobody."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


@contextmanager
def _ended_by_signals() -> Iterator[list[int]]:
    """End on Ctrl-C and SIGTERM alike: roll back, and say so. Gives the signals received; puts the handlers back."""
    received: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    before = []
    with suppress(ValueError):  # not in the main thread: the caller looks after signals
        before += [(number, signal.signal(number, end)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield received
    finally:
        for number, handler in before:
            if handler is not None:  # one that isn't Python's can't be put back
                signal.signal(number, handler)
