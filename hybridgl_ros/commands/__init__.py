"""The commands of `hybridgl`, one file each, and what they share. They read arguments and print; the work is elsewhere.

A file of this folder is the command of that name when it has a function of that name; `cli.py` lists it.
"""
