"""Spatial words as plain tensor functions: relations (Eq. 4), positions (Eq. 6), guidance (Eq. 7–8)."""
