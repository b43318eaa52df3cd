"""The README typed as it stands, from its first command to its last: what it says is what a newcomer sees."""

from pathlib import Path

from support.golden_text import Golden
from support.pages.markdown_pages import page, read_markdown
from support.pages.typed_pages import TypedPage
from support.repository import ROOT

#: Where it says that it was typed, and the folder to which it moves on the way.
HOME, MOVES_TO = "/home/ana/refundctl", "my-refunds"
INSTALLING = "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/"


def test_the_readme_says_what_its_commands_say(tmp_path: Path, golden: Golden) -> None:
    """All but the installing and the testing; `pytest --update-golden` writes the answers into it."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").touch()
    (tmp_path / "campaigns.example.yaml").write_bytes((ROOT / "campaigns.example.yaml").read_bytes())
    text = page("README.md")
    first, second, *blocks = read_markdown(text).blocks
    [moving] = [block for block in blocks if f"cd {MOVES_TO} " in block.text]

    changes = {
        f"```sh\n{first.text}": f"```sh\n{first.text.removeprefix(INSTALLING)}",
        f"```sh\n{second.text}": f"```untyped\n{second.text}",
    }
    to_type = text
    for written, instead in changes.items():
        to_type = to_type.replace(written, instead)
    begins, end_of_move, goes_on = to_type.partition(f"{moving.text}\n```\n")
    typed = TypedPage(tmp_path, HOME).type(begins + end_of_move)
    typed += TypedPage(tmp_path / MOVES_TO, f"{HOME}/{MOVES_TO}").type(goes_on)
    for written, instead in changes.items():
        typed = typed.replace(instead, written)

    if golden.update:
        (ROOT / "README.md").write_text(typed, encoding="utf-8")
    else:
        assert typed.splitlines() == text.splitlines()
