"""Which objects of a scene a `Query` refers to, as probabilities: plain tensor functions, no model, no text, no ROS."""
