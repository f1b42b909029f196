"""Load and faults: segment_node under everything that a robot's bad days bring, and what is promised of it."""
