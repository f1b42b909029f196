"""Fixtures of the commands' tests."""

import small_sets

tabletop_zip = small_sets.tabletop_zip
