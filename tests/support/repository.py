"""Where things are in the repository."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLE_DATA = ROOT / "sample_data"
GOLDEN_FOLDER = ROOT / "tests" / "golden"
