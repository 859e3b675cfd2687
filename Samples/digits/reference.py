#!/usr/bin/env python3
"""Stores what onnxruntime answers on the test split, and the bounds run.py checks: expected_logits.npy, expected.json.

Needs: numpy and onnxruntime. Run once after train.py.
"""
import json
from pathlib import Path

import numpy as np
import onnxruntime

HERE = Path(__file__).resolve().parent

session = onnxruntime.InferenceSession(str(HERE / "model.onnx"), providers=["CPUExecutionProvider"])
x_test, y_test = np.load(HERE / "x_test.npy"), np.load(HERE / "y_test.npy")
logits = session.run(["logits"], {"image": x_test})[0]
accuracy = float(np.mean(logits.argmax(1) == y_test))
np.save(HERE / "expected_logits.npy", logits)
(HERE / "expected.json").write_text(json.dumps({"models": {"model.onnx": {
  "title": "digits",
  "input": "image",
  "reference": "expected_logits.npy",
  "accuracy": round(accuracy, 6),
  "bounds": {
    "fp32": {"accuracy": round(accuracy, 6) - 0.001, "agreement": 1.0, "max_abs": 1e-3},
    "int8": {"accuracy": round(accuracy - 0.01, 6), "agreement": 0.985},
  },
}}}, indent=2) + "\n")
print(f"onnxruntime accuracy {accuracy:.4f} of {len(y_test)}")
