"""The highest camera rate that segment_node takes in, and the rate at which it answers."""
