"""The command line as tests call it: in a process of its own as users do, or in this one for many calls."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

WIDTH_COLUMNS = 100
TIMEOUT_SECONDS = 60.0
PLAIN_ENVIRONMENT = {"COLUMNS": str(WIDTH_COLUMNS), "LANG": "C.UTF-8", "PATH": os.defpath, "TZ": "UTC"}

CAMPAIGN = "flight-refunds"


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What one call left: its exit code and everything it said."""

    argv: tuple[str, ...]
    exit: int
    stdout: str
    stderr: str

    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout; a test fails here where there is anything else."""
        answer = json.loads(self.stdout)
        assert isinstance(answer, dict), f"{self.argv} printed no JSON object: {self.stdout!r}"
        return answer

    def ok(self) -> "CommandResult":
        """This result itself, having made sure that the command succeeded."""
        assert self.exit == 0, f"{self.argv} ended with {self.exit}:\n{self.stdout}{self.stderr}"
        return self


class CommandLine(Protocol):
    """`refundctl ARGV` in the test's own folder, with nothing of the caller's environment and no terminal."""

    def __call__(
        self,
        *argv: str | Path,
        stdin: str | bytes = b"",
        now: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> CommandResult: ...


def plain_environment(folder: Path, now: str | None, env: Mapping[str, str] | None) -> dict[str, str]:
    """The whole environment of one call: `now` (RFC 3339) sets the program's clock."""
    clock = {} if now is None else {"REFUNDCTL_NOW": now}
    return {**PLAIN_ENVIRONMENT, "HOME": str(folder), **clock, **(env or {})}


@dataclass(frozen=True, slots=True)
class OwnProcess:
    """The real thing: a new interpreter, as from a shell. About a quarter of a second a call."""

    folder: Path

    def __call__(
        self,
        *argv: str | Path,
        stdin: str | bytes = b"",
        now: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> CommandResult:
        words = tuple(map(str, argv))
        done = subprocess.run(
            [sys.executable, "-m", "refundctl", *words],
            cwd=self.folder,
            env=plain_environment(self.folder, now, env),
            input=_as_bytes(stdin),
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        return CommandResult(words, done.returncode, done.stdout.decode(), done.stderr.decode())


@dataclass(frozen=True, slots=True)
class ThisProcess:
    """`main(argv)` right here: the same command without the start of an interpreter."""

    folder: Path

    def __call__(
        self,
        *argv: str | Path,
        stdin: str | bytes = b"",
        now: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> CommandResult:
        from refundctl.cli.shell.main import main

        words = tuple(map(str, argv))
        with _Surroundings(self.folder, plain_environment(self.folder, now, env), _as_bytes(stdin)) as around:
            exit_code = main(words)
        return CommandResult(words, int(exit_code), around.stdout, around.stderr)


class _Surroundings:
    """Folder, environment and the three streams of a call in this process; all put back afterwards."""

    def __init__(self, folder: Path, environment: Mapping[str, str], stdin: bytes) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._written = (io.BytesIO(), io.BytesIO())
        self._streams = (_stream(io.BytesIO(stdin)), *map(_stream, self._written))

    def __enter__(self) -> "_Surroundings":
        self._before = (Path.cwd(), dict(os.environ), (sys.stdin, sys.stdout, sys.stderr))
        os.chdir(self._folder)
        _set_environment(self._environment)
        sys.stdin, sys.stdout, sys.stderr = self._streams
        return self

    def __exit__(self, *_: object) -> None:
        for stream in self._streams:
            stream.flush()
        folder, environment, (sys.stdin, sys.stdout, sys.stderr) = self._before
        os.chdir(folder)
        _set_environment(environment)

    @property
    def stdout(self) -> str:
        return self._written[0].getvalue().decode()

    @property
    def stderr(self) -> str:
        return self._written[1].getvalue().decode()


def _set_environment(environment: Mapping[str, str]) -> None:
    """Make it the whole environment; what stays as it is isn't touched, as each change is made in the C library too."""
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment.items() - dict(os.environ).items())


def _stream(content: io.BytesIO) -> io.TextIOWrapper:
    """A stream with a `buffer` beneath it, as the real ones have, and no terminal."""
    return io.TextIOWrapper(content, encoding="utf-8", newline="")


def _as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def small_campaigns(name: str = CAMPAIGN, **keys: object) -> str:
    """A campaigns file with one campaign; each key given is written over or after the four it needs.

    >>> print(small_campaigns(card_per="customer"), end="")
    version: 1
    campaigns:
      flight-refunds:
        currency: "EUR"
        timezone: "Europe/Warsaw"
        eligible: {"status": ["cancelled"]}
        activity_duration_after_publishing: "P365D"
        card_per: "customer"
    """
    definition: dict[str, object] = {
        "currency": "EUR",
        "timezone": "Europe/Warsaw",
        "eligible": {"status": ["cancelled"]},
        "activity_duration_after_publishing": "P365D",
        **keys,
    }
    # JSON is YAML that can be read in one way only.
    lines = [f"    {key}: {json.dumps(value, ensure_ascii=False)}" for key, value in definition.items()]
    return "\n".join(["version: 1", "campaigns:", f"  {name}:", *lines]) + "\n"
