"""Following: the answers of one expression on frame after frame become objects that stay the same ones.

No models, no text, no ROS: a scene and its answer go in, the answer as the past of the followed objects makes it comes
out.
"""
