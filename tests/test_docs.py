"""What the documents point at is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
TQS = str(Path(sys.executable).parent / "tqs")
PAGES = [*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_picture_of_a_page_exists(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


def test_every_command_of_the_readme_exists() -> None:
    named = set(re.findall(r"`tqs (\w+)", (PROJECT / "README.md").read_text()))
    assert {
        "demo",
        "import",
        "features",
        "retrain",
        "predict",
        "score",
        "process",
        "interventions",
        "models",
        "keys",
        "people",
        "audit",
        "up",
        "db",
        "doctor",
    } <= named
    told = subprocess.run([TQS, "--help"], check=True, capture_output=True, text=True).stdout
    assert [name for name in sorted(named) if not re.search(rf"\b{name}\b", told)] == []


def test_nothing_committed_names_a_registry_or_carries_notebook_outputs() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    for name in listed.split():
        if name.endswith((".txt", ".toml", ".yaml", ".ipynb")):
            text = (PROJECT / name).read_text()
            assert not re.search(r"https?://\S+/simple", text), name
            assert not re.search(r'"execution_count": \d', text), name
