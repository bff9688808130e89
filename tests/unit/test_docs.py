"""The documents say what is there."""

import re
from pathlib import Path

import msgspec

from evertill.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]


def test_every_setting_is_documented_and_none_that_is_not_there() -> None:
    """docs/settings.md and settings.py name the same variables."""
    text = (ROOT / "docs/settings.md").read_text()
    documented = set(re.findall(r"^\| `EVERTILL_([A-Z_]+)`", text, re.MULTILINE)) - {"SECRET"}
    assert documented == {field.name.upper() for field in msgspec.structs.fields(Settings)}
    assert PREFIX == "EVERTILL_"


def test_links_between_documents_lead_somewhere() -> None:
    """Every relative link of every document is a file."""
    for document in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")):
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_the_project_speaks_of_itself_alone() -> None:
    """No path of anybody's machine in what is shipped."""
    for file in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.py"), *ROOT.glob("bench/*.md")):
        assert not re.search(r"/home/\w+|/work/\w+|/root/\w+", file.read_text()), file
