"""Encodes one picture with the embedded models each time it is told to.

encode.py PRESET PICTURE THREADS RESULT [DEVICE]: seconds as JSON; what came out lies in RESULT (.npz) after the first
time.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from hybridgl_ros.segmenter import ReferringSegmenter


def main() -> None:
    preset, picture, threads, result, device = [*sys.argv[1:], "cpu"][:5]
    image = np.load(picture)
    segmenter = ReferringSegmenter.from_config("embedded", preset=preset, device=device)
    if int(threads):
        torch.set_num_threads(int(threads))
    with torch.inference_mode():
        for _ in sys.stdin:
            started = time.perf_counter()
            scene = segmenter.encode(image)
            if device != "cpu":
                torch.cuda.synchronize()
            seconds = time.perf_counter() - started
            if not Path(result).exists():
                masks, features = np.asarray(scene.proposals.masks), scene.features.float().cpu().numpy()
                tokens = np.zeros(0) if scene.map_tokens is None else scene.map_tokens.float().cpu().numpy()
                np.savez(result, masks=masks, features=features, tokens=tokens)
            print(json.dumps({"seconds": seconds, "stages": scene.timings}), flush=True)


if __name__ == "__main__":
    main()
