#!/usr/bin/env python3
"""Stores what onnxruntime answers on the pyramid, and the bounds run.py checks: expected_maps.npz, expected.json.

Needs: numpy and onnxruntime. Run once after train.py.
"""
import json

import numpy as np
import onnxruntime

from run import HERE, THRESHOLD, judge, pyramid
from detector import PYRAMID, boxes_of, suppress

TRUTH = [173, 70, 270, 167]  # brows to chin and ear to ear, read off the picture by eye: left, top, right, bottom

session = onnxruntime.InferenceSession(str(HERE / "model.onnx"), providers=["CPUExecutionProvider"])
maps = [session.run(["face"], {"image": image})[0] for image in pyramid()]
np.savez_compressed(HERE / "expected_maps.npz", **{f"scale_{side:03d}": m for side, m in zip(PYRAMID, maps)})
faces = suppress(boxes_of(maps, THRESHOLD))
shared, wrong = judge(faces, TRUTH)
(HERE / "expected.json").write_text(json.dumps({
  "truth": TRUTH,
  "faces": np.round(faces, 2).tolist(),
  "overlap": round(shared, 6),
  "bounds": {
    "fp32": {"overlap": round(shared, 6) - 0.01, "wrong_boxes": wrong, "agreement": 0.999, "max_abs": 1e-3},
    "int8": {"overlap": 0.5, "wrong_boxes": 1, "agreement": 0.99},
  },
}, indent=2) + "\n")
print(f"onnxruntime: {len(faces)} boxes, overlap {shared:.3f}, {wrong} wrong")
