"""The documents say what the code does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("tables", CHECKOUT / "tools" / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["README.md", "docs/settings.md"])
def test_tables_are_up_to_date(tables, name):
    text = (CHECKOUT / name).read_text(encoding="utf-8")
    assert tables.updated(text) == text, "run: python tools/tables.py"


def test_an_old_table_is_noticed(tables):
    old = "<!-- table: settings -->\n| nothing |\n<!-- end -->"
    assert "fusion.alpha" in tables.updated(old)


@pytest.mark.parametrize(
    "path",
    [*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/*.md"), *CHECKOUT.glob("training/*.md")],
    ids=lambda path: path.name,
)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
