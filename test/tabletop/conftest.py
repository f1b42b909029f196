"""Leaves the tests that render out of the collection where the extra ``sim`` is not installed."""

import importlib.util

collect_ignore = [] if importlib.util.find_spec("mujoco") else ["test_rendering.py"]
