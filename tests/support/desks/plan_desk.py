"""A desk on which plans are made, approved and applied, all by the one user that a test has."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from refundctl.files.campaigns.plan_file import as_json, read_plan, sealed
from support.books import facts
from support.command_line import CAMPAIGN, CommandLine, CommandResult, small_campaigns
from support.desks.bookings_desk import LEDGER, Row, files_in, give_to_another, write_bookings


@dataclass(frozen=True, slots=True)
class PlanDesk:
    """A folder with a campaign and bookings, in which plans are made."""

    command_line: CommandLine
    folder: Path

    def campaign(self, **keys: Any) -> None:
        (self.folder / "campaigns.yaml").write_text(small_campaigns(**keys), encoding="utf-8")

    def bookings(self, *rows: Row, name: str = "bookings.csv") -> None:
        write_bookings(self.folder / name, *rows)

    def __call__(self, *words: str, files: str = "bookings.csv", output: str = "plan.json") -> CommandResult:
        return self.command_line("plan", CAMPAIGN, *files.split(), "-o", output, *words)

    def made(self, *words: str, exit_code: int = 0) -> dict[str, Any]:
        """The plan that was just made."""
        result = self(*words)
        assert result.exit == exit_code, result.stdout + result.stderr
        return self.file()

    def file(self, name: str = "plan.json") -> dict[str, Any]:
        found = json.loads((self.folder / name).read_text(encoding="utf-8"))
        assert isinstance(found, dict)
        return found

    def warnings(self) -> dict[str, tuple[int, list[str]]]:
        return {each["code"]: (each["count"], each["bookings"]) for each in self.made()["warnings"]}

    def refusal(self, *words: str, **places: str) -> tuple[int, str]:
        """How a plan is refused, having made sure that nothing at all has changed."""
        before = files_in(self.folder)
        result = self(*words, "--json", **places)
        assert files_in(self.folder) == before
        return result.exit, result.json()["errors"][0]["code"]

    def edit(self, **values: Any) -> None:
        """Change the plan as in an editor."""
        (self.folder / "plan.json").write_text(json.dumps({**self.file(), **values}, indent=2), encoding="utf-8")

    def forge(self, **values: Any) -> None:
        """Change the plan, and reckon its digest anew, as who can write programs could."""
        path = self.folder / "plan.json"
        path.write_bytes(as_json(sealed(replace(read_plan(path.read_bytes(), path.name), **values))))

    def made_by_another(self, *words: str) -> None:
        """A plan that another user has made to all appearance; skips the test where only one user can be had."""
        self(*words).ok()
        planner = read_plan((self.folder / "plan.json").read_bytes(), "plan.json").made_by
        self.forge(made_by=replace(planner, operator="ana", user_id=planner.user_id + 1))
        give_to_another(self.folder / "plan.json")

    def approve(self, *words: str) -> CommandResult:
        return self.command_line("approve", "plan.json", *words)

    def apply(self, *words: str, out: str = "out") -> CommandResult:
        return self.command_line("apply", "plan.json", "--out", out, *words)

    def unchanged_by(self, *words: str) -> tuple[int, str]:
        """The exit code and the error of a refused command, having made sure that it changed no fact and no file."""
        there = (self.folder / LEDGER).exists()
        before = (facts(self.folder / LEDGER) if there else {}, self._files())
        result = self.command_line(*words, "--json")
        after = (facts(self.folder / LEDGER) if there else {}, self._files())
        assert after == before
        return result.exit, result.json()["errors"][0]["code"]

    def _files(self) -> dict[str, bytes]:
        return {name: content for name, content in files_in(self.folder).items() if name != LEDGER}
