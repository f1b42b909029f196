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


@pytest.mark.parametrize("name", ["README.md", "docs/settings.md", "docs/tabletop.md"])
def test_tables_are_up_to_date(tables, name):
    path = CHECKOUT / name
    text = path.read_text(encoding="utf-8")
    assert tables.updated(text, path.parent) == text, "run: python tools/tables.py"


def test_an_old_table_is_noticed(tables):
    old = "<!-- table: settings -->\n| nothing |\n<!-- end -->"
    assert "fusion.alpha" in tables.updated(old, CHECKOUT)


def test_results_come_from_the_recorded_file(tables, tmp_path):
    names = ["oiou", "miou", "precision_50", "precision_70", "precision_90", "ceiling", "clip_miou"]
    values = {f"{name}{end}": "0.4567" for name in names for end in ("", "_low", "_high")} | {"precision_90": ""}
    columns = {"run": "G2L", "with_target": "7", **values}
    (tmp_path / "a.csv").write_text(f"{','.join(columns)}\n{','.join(columns.values())}\n")
    made = tables.updated("<!-- table: results a.csv -->\nold\n<!-- end -->", tmp_path)
    assert "| G2L | 45.7 (45.7 … 45.7) |" in made and made.endswith("| 7 |\n<!-- end -->")


@pytest.mark.parametrize(
    "path",
    [*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/*.md"), *CHECKOUT.glob("training/*.md")],
    ids=lambda path: path.name,
)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
