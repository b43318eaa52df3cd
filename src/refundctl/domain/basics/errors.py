"""What can go wrong, in the words of the person at the terminal, and the exit code it ends with.

One class per thing a user can get wrong; each builds its own sentence. `cli` alone catches them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, Self


class ExitCode(IntEnum):
    """Every way a command can end; documented in docs/exit-codes.md."""

    OK = 0
    BUG = 1
    USAGE = 2
    PARTIAL = 3
    REFUSED = 4
    FINDINGS = 5
    BAD_INPUT = 65
    NO_INPUT = 66
    WRITE_FAILED = 74
    BUSY = 75
    BAD_CAMPAIGNS = 78
    INTERRUPTED = 130


class RefundctlError(Exception):
    """Base of every expected error: a stable `code`, what is wrong and where, what to do, and its place for a script.

    `what` without `advice` is a whole sentence. With `advice`, neither ends in a full stop, and a door may give another
    advice by advising(): what helps at an option does not help in a file. No sentence is cut up afterwards.
    """

    exit_code = ExitCode.BUG
    code = "bug"
    campaign: str | None = None  # set by the command, where it is about one
    problems: Sequence[Any] = ()  # of an error about several things, a line for each

    def __init_subclass__(cls, *, code: str | None = None, exit_code: ExitCode | None = None) -> None:
        cls.code = code or cls.code
        cls.exit_code = exit_code or cls.exit_code

    def __init__(self, what: str, advice: str = "", *, code: str | None = None, **details: str | int | None) -> None:
        super().__init__(what, advice)
        self.what, self.advice = what, advice
        if code is not None:
            self.code = code
        self.details: Mapping[str, str | int] = {k: v for k, v in details.items() if v is not None}

    def __str__(self) -> str:
        return self.message

    @property
    def message(self) -> str:
        """One sentence for people: what is wrong, and what to do about it."""
        return f"{self.what}: {self.advice}." if self.advice else self.what

    def advising(self, advice: str) -> Self:
        """This error itself, with other advice."""
        self.advice = advice
        return self

    def without_advice(self) -> Self:
        """This error itself, for a door that is what was advised: `what` is a whole sentence then."""
        if self.advice:
            self.what, self.advice = f"{self.what}.", ""
        return self

    def listed(self) -> Sequence[Mapping[str, str | int]]:
        """Each single mistake for a script: code, message, and where it is."""
        return [{"code": self.code, "message": self.message, **self.details}]


class UsageError(RefundctlError, code="usage", exit_code=ExitCode.USAGE):
    """The command line itself is wrong."""


class Refused(RefundctlError, code="refused", exit_code=ExitCode.REFUSED):
    """A rule said no: no money, card or booking changed."""


class BadInput(RefundctlError, code="bad_input", exit_code=ExitCode.BAD_INPUT):
    """An input file as a whole can't be taken, or the ledger is foreign or newer: nothing changed."""


class InputMissing(RefundctlError, code="input_missing", exit_code=ExitCode.NO_INPUT):
    """An input file is missing or can't be read."""


class WriteFailed(RefundctlError, code="write_failed", exit_code=ExitCode.WRITE_FAILED):
    """Writing failed; nothing half-done is left."""


class Busy(RefundctlError, code="busy", exit_code=ExitCode.BUSY):
    """Another process is writing: try again."""


class Interrupted(RefundctlError, code="interrupted", exit_code=ExitCode.INTERRUPTED):
    """Ctrl-C or a termination signal; nothing half-done is left."""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row of a file can't be done or read: its physical line, a stable code, and why, with no card's code."""

    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class CampaignProblem:
    """One mistake in the campaigns file: what, how to fix it, and where (1-based line and column)."""

    message: str
    path: str
    line: int
    column: int
    key: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.key}: {self.message}"


class BadCampaigns(RefundctlError, code="bad_campaigns", exit_code=ExitCode.BAD_CAMPAIGNS):
    """The campaigns file is wrong; carries every problem found, not only the first."""

    def __init__(self, what: str, problems: tuple[CampaignProblem, ...] = ()) -> None:
        super().__init__(what)
        self.problems = problems

    def listed(self) -> Sequence[Mapping[str, str | int]]:
        """Each problem, or where none has a place, the error as such."""
        return [{"code": self.code, **asdict(problem)} for problem in self.problems] or super().listed()
