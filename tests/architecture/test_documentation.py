"""What the guides say agrees with the code."""

import re
from pathlib import Path

import pytest

from calamari_rest.problems import CODES
from configuration import Settings

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "salt").glob("*.md")]


def test_every_error_code_is_in_the_guide() -> None:
    guide = (ROOT / "docs" / "api.md").read_text()
    missing = [code for code in CODES if f"`{code}`" not in guide and code != "internal_error"]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+?)\)", page.read_text())
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_settings_exist(page: Path) -> None:
    named = set(re.findall(r"\bCALAMARI_([A-Z_]+)\b", page.read_text())) - {"CONFIG"}
    assert {name.lower() for name in named} <= set(Settings.model_fields)
