"""A page of the documentation typed as it stands: its files written, its commands run, and what they say put into it.

A block whose fence names a file, as in ```` ```csv festival.csv ````, is that file. A shell block is typed; the text block
behind it is what the commands say, with ```` ```text exit=3 ```` where they end with another code than 0.

A page of rehearsals says in comments what time it is, as in `<!-- clock: 2026-05-04T09:00:00Z -->`; it holds for the blocks below.
"""

import os
import pwd
import re
import shlex
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from support.command_line import TIMEOUT_SECONDS, ThisProcess, plain_environment
from support.pages.markdown_pages import SHELL, Block, read_markdown
from support.repository import ROOT

#: Where a page says that it was typed, and by whom.
HOME, WHO = "/home/ana/refunds", "ana@ops"
_REFUNDCTL = 'refundctl() { "$PYTHON" -m refundctl "$@"; }\n'
#: A command that a shell would only cut into words.
_PLAIN = re.compile(r"refundctl [\w ./:=,@+-]+(?:\"[\w .,:-]+\"[\w ./=-]*)*")
_EXIT = re.compile(r"exit=(\d+)")
#: What the screen has before days that are reckoned from today.
_BEFORE_A_DAY = r"next expiry\s+|last valid day\s+|valid through |until |EUR [\d,.]+\s+|flight-refunds\s+"
_CLOCK = re.compile(r"<!-- clock: (\S+) -->")


@dataclass(slots=True)
class TypedPage:
    """A page being typed in a folder that has the sample data in it; the page calls that folder `home`."""

    folder: Path
    home: str = HOME
    edits: list[tuple[int, int, list[str]]] = field(default_factory=list)
    _waiting: tuple[str, int, str] | None = None
    _now: str | None = None

    def type(self, text: str) -> str:
        """The page as it should be: each answer is the real one, unless it differs in what is never the same."""
        shutil.copytree(ROOT / "sample_data", self.folder / "sample_data")
        clocks = {
            number: set_to[1] for number, line in enumerate(text.splitlines()) if (set_to := _CLOCK.fullmatch(line))
        }
        for block in read_markdown(text).blocks:
            self._now = next((clocks[number] for number in sorted(clocks, reverse=True) if number < block.line), None)
            if block.language in SHELL:
                self._refuse_unshown()
                self._waiting = (block.text, *self._typed(block.text))
            elif block.title and not _EXIT.fullmatch(block.title):
                self._write(block)
            elif block.language == "text" and self._waiting is not None:
                self._compare(block, *self._waiting[1:])
                self._waiting = None
        self._refuse_unshown()
        lines = text.split("\n")
        for first, end, said in reversed(self.edits):
            lines[first:end] = said
        return "\n".join(lines)

    def _refuse_unshown(self) -> None:
        if self._waiting is not None:
            command, exit_code, said = self._waiting
            assert (exit_code, said) == (0, ""), f"not shown what is said by: {command}\n{said}[exit code {exit_code}]"
            self._waiting = None

    def _write(self, block: Block) -> None:
        begins = "version: 1\n" if block.language == "yaml" and not block.text.startswith("version:") else ""
        (self.folder / block.title).write_text(f"{begins}{block.text}\n", encoding="utf-8")

    def _typed(self, commands: str) -> tuple[int, str]:
        if all(_PLAIN.fullmatch(command) for command in re.split(" && |\n", commands)):
            return self._typed_here(commands)
        done = subprocess.run(
            ["bash", "-c", _REFUNDCTL + commands],
            cwd=self.folder,
            env={**plain_environment(self.folder, self._now, None), "PYTHON": sys.executable},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        return done.returncode, self._as_shown(done.stdout.decode())

    def _typed_here(self, commands: str) -> tuple[int, str]:
        """Commands that need no shell, one after the other; behind `&&` only where the one before has succeeded."""
        code, said = 0, ""
        for line in commands.split("\n"):
            for command in line.split(" && "):
                result = ThisProcess(self.folder)(*shlex.split(command)[1:], now=self._now)
                code, said = result.exit, said + result.stderr + result.stdout
                if code:
                    break
        return code, self._as_shown(said)

    def _as_shown(self, text: str) -> str:
        who = f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"
        # The column of those who ran something is as wide as their names.
        text = text.replace("who".ljust(len(who)), "who".ljust(len(WHO))).replace(who, WHO)
        return text.replace(str(self.folder), self.home)

    def _compare(self, block: Block, exit_code: int, said: str) -> None:
        fence = f"```text exit={exit_code}" if exit_code else "```text"
        shown = f"```text {block.title}".rstrip()
        on_any_day = self._now is None
        if (timeless(said.rstrip("\n"), on_any_day), fence) != (timeless(block.text, on_any_day), shown):
            end = block.line - 1 + (len(block.text.split("\n")) if block.text else 0)
            self.edits.append((block.line - 2, end, [fence, *said.rstrip("\n").split("\n")]))


def timeless(text: str, on_any_day: bool = True) -> str:
    """The text without what is another each time: codes, seals, digests; on any day also moments, and days reckoned from today."""
    text = re.sub(r"refundctl-seal [0-9a-f]{32} (\d+) (\d+) [0-9a-f]{64}", r"refundctl-seal ID \1 \2 DIGEST", text)
    text = re.sub(r"(Wrote \S+: )[0-9a-f]{64}", r"\1DIGEST", text)
    text = re.sub(r"\*{4}\w{4}\b", "MASKED", text)
    text = re.sub(r"\berased-[0-9a-f]{32}\b", "PSEUDONYM", text)
    text = re.sub(r"\bREFUNDCTL-[0-9a-f]{8}-", "REFUNDCTL-ID-", text)
    if not on_any_day:
        return text
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "MOMENT", text)
    return re.sub(rf"({_BEFORE_A_DAY})\d{{4}}-\d\d-\d\d", r"\1DAY", text)
