"""Random and mutated messages against segment_node: whatever comes is answered, refused or counted."""
