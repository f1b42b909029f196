"""Wrong arguments of segment.launch.py, and what is said of each."""

from __future__ import annotations

WRONG = [
    ("log_level:=loud", "log_level: 'loud' is not one of debug, info"),
    ("alpha:=abc", "alpha: wants a number, got 'abc'"),
    ("alpha:=7", "alpha: 7.0 is outside 0.0 … 1.0"),
    ("alpha:=nan", "alpha: wants a finite number"),
    ("lambda_big:=-1", "lambda_big: -1.0 is outside"),
    ("mode:=never", "mode: 'never' is not one of once, continuous"),
    ("image_transport:=theora", "image_transport: 'theora' is not one of"),
    ("use_sim_time:=maybe", "use_sim_time: wants true or false, got 'maybe'"),
    ("required:=maybe", "required: wants true or false"),
    ("respawn:=maybe", "respawn: wants true or false"),
    ("rviz:=maybe", "rviz: wants true or false"),
    ("cameras:=front,", "cameras: '' is no namespace"),
    ("cameras:=front,2nd", "cameras: '2nd' is no namespace"),
    ("cameras:=front,front", "cameras: front is there twice"),
    ("image:=/a,/b", "image: 2 topics for 1 cameras"),
    ("params_file:=/nope.yaml", "params_file: no such file: /nope.yaml"),
]
