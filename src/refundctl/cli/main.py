"""The entry point: runs a command, and turns whatever goes wrong into one line and one exit code."""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from typer._click.exceptions import ClickException
from typer._click.exceptions import UsageError as ClickUsageError
from typer.exceptions import Abort

from refundctl.cli.app import app
from refundctl.cli.rendering import print_error
from refundctl.domain.errors import ExitCode, Interrupted, RefundctlError, UsageError

INTERRUPTED = "Interrupted: nothing half-done is left; run the same command again to finish."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; never raises, never prints a traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    _watch_for_termination()
    try:
        return _run(words)
    except RefundctlError as error:
        return print_error(error, words)
    except KeyboardInterrupt:
        return print_error(Interrupted(INTERRUPTED), words)
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain once more while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.WRITE_FAILED
    except Exception as error:
        return print_error(_bug(error), words)


def _run(words: list[str]) -> int:
    try:
        result = app(args=words, prog_name="refundctl", standalone_mode=False)
    except ClickException as error:
        raise UsageError(_usage_message(error)) from error
    except Abort as error:
        raise Interrupted(INTERRUPTED) from error
    if result == ExitCode.INTERRUPTED:  # Typer turns KeyboardInterrupt into this
        raise Interrupted(INTERRUPTED)
    return int(result or 0)


def _usage_message(error: ClickException) -> str:
    context = error.ctx if isinstance(error, ClickUsageError) else None
    hint = f"{context.command_path} --help" if context is not None else "refundctl --help"
    return f"{error.format_message().rstrip('.')}; `{hint}` shows what there is."


def _bug(error: Exception) -> RefundctlError:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" at {os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
    # The text of an unforeseen error may hold a code or a person's name: its kind and place must do.
    return RefundctlError(
        f"This is a bug in refundctl ({type(error).__name__}{where}); nothing half-done was kept. "
        "Please report it with the command that you typed."
    )


def _watch_for_termination() -> None:
    """End on SIGTERM as on Ctrl-C: roll back, and say so."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread: the caller looks after signals
        pass
