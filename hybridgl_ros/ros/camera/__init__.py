"""`sim_camera`: the simulated tabletop as a camera."""
