#!/usr/bin/env python3
"""Stores what onnxruntime answers on the test split, and the bounds run.py checks: expected_*.npy, expected.json.

Needs: numpy and onnxruntime. Run once after train.py.
"""
import json
from pathlib import Path

import numpy as np
import onnxruntime

import listen

HERE = Path(__file__).resolve().parent
TITLES = {"words_dscnn.onnx": "words DS-CNN", "words_gru.onnx": "words GRU"}
# Loud and faint sounds lie 60 dB and more apart: eight bits cannot hold spectra before the logarithm.
KEEP_FLOAT = ["/front/MatMul"]

x_test, y_test = np.load(HERE / "x_test.npy"), np.load(HERE / "y_test.npy")
samples, truth = listen.read_wave(HERE / "recording.wav"), json.loads((HERE / "recording.json").read_text())
models = {}
for model, title in TITLES.items():
  session = onnxruntime.InferenceSession(str(HERE / model), providers=["CPUExecutionProvider"])
  probabilities = session.run(["probabilities"], {"waveform": x_test})[0]
  reference = f"expected_{Path(model).stem}.npy"
  np.save(HERE / reference, probabilities)
  accuracy = float(np.mean(probabilities.argmax(1) == y_test))
  found = listen.events(session.run(["probabilities"], {"waveform": listen.windows(samples)})[0])
  heard, spoken, wrong = listen.score(found, truth)
  print(f"{title}: accuracy {accuracy:.4f} of {len(y_test)}; heard {heard} of {spoken}, {wrong} wrong: {found}")
  models[model] = {
    "title": title,
    "input": "waveform",
    "reference": reference,
    "keep_float": KEEP_FLOAT,
    "accuracy": round(accuracy, 6),
    "bounds": {
      "fp32": {"accuracy": round(accuracy, 6) - 0.001, "agreement": 1.0, "max_abs": 1e-3},
      "int8": {"accuracy": round(accuracy - 0.05, 6), "agreement": 0.9},
    },
    "recording": {
      "fp32": {"heard": heard, "wrong": wrong},
      "int8": {"heard": heard - 1, "wrong": wrong + 1},
    },
  }
(HERE / "expected.json").write_text(json.dumps({"models": models}, indent=2) + "\n")
