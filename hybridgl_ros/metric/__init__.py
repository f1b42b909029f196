"""Where an object is, in metres: a mask and a depth picture → points, size, distance and a pose.

Everything is in the camera's optical frame (REP 103: x right, y down, z forward), float64 metres. No models, no text,
no state.
"""
