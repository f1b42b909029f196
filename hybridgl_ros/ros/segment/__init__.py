"""`segment_node` and what it is made of: frames in, one worker, outputs; `segment_image` is the same without a node."""
