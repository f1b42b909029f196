"""Says how much memory a process holds that has loaded some models.

resident.py torch | two | node: torch alone; SAM, two CLIPs and spaCy as the published code has them; a segment_node
that has answered one call.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import torch


def main() -> None:
    layout = sys.argv[1]
    for _ in sys.stdin:
        if layout == "node":
            held = node()
        else:
            kept = two_clips() if layout == "two" else None
            held = resident(os.getpid())
            del kept
        print(json.dumps({"bytes": held}), flush=True)


def two_clips() -> list:
    """As the published code has them: built by their libraries, weights copied into them."""
    import open_clip
    from safetensors.torch import load_file
    from segment_anything import sam_model_registry

    from hybridgl_ros.language.pipeline import load_pipeline
    from hybridgl_ros.models.loading import clip_config
    from hybridgl_ros.models.registry import find_checkpoint

    def filled(name: str, build) -> torch.nn.Module:
        checkpoint = find_checkpoint(name)
        model = build(checkpoint.architecture)
        model.load_state_dict(load_file(checkpoint.file))
        return model

    sam = filled("sam_seeded", lambda name: sam_model_registry[name]())
    clips = [filled("clip_seeded", lambda name: open_clip.CLIP(**clip_config(name))) for _ in range(2)]
    return [sam, *clips, load_pipeline()]


def node() -> int:
    import rclpy
    from ament_index_python.packages import get_package_prefix
    from first_answer import call, request_of
    from hybridgl_ros.srv import ReferSegment
    from rclpy.node import Node

    namespace = "/resident"
    program = f"{get_package_prefix('hybridgl_ros')}/lib/hybridgl_ros/segment_node"
    models = ["-p", "models.sam:=sam_seeded", "-p", "models.clip:=clip_seeded", "-p", "preset:=robot"]
    process = subprocess.Popen([sys.executable, program, "--ros-args", "-r", f"__ns:={namespace}", *models])
    rclpy.init()
    client_node = Node("resident")
    client = client_node.create_client(ReferSegment, f"{namespace}/refer_segment")
    call(client_node, client, request_of("the cube"))
    held = resident(process.pid)
    process.terminate()
    process.wait()
    rclpy.shutdown()
    return held


def resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


if __name__ == "__main__":
    torch.zeros(1)
    main()
