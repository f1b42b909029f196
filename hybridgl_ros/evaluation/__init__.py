"""Scoring referring segmentation on data sets and bags; builds on the library, never on ROS."""
