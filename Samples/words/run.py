#!/usr/bin/env python3
"""Compiles both keyword spotters with kerf, tests them on held-out voices and lets them listen to a recording."""
import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE))

import listen
from classify import classify
from common import check, expected, main

MODELS = ["words_dscnn.onnx", "words_gru.onnx"]


def run(backend, precision, outputs, seconds):
  outputs = outputs / "words"
  samples, truth = listen.read_wave(HERE / "recording.wav"), json.loads((HERE / "recording.json").read_text())
  for model in MODELS:
    row, bundle, _ = classify(HERE, model, backend, precision, outputs, seconds)
    work = outputs / f"{bundle.stem}-outputs"
    probabilities = backend.run(bundle, {"waveform": listen.windows(samples)}, work)[0]
    found = listen.events(probabilities)
    heard, spoken, wrong = listen.score(found, truth)
    bounds = expected(HERE)["models"][model]["recording"]
    check(row.failures, "words heard in the recording", heard, minimum=bounds[precision]["heard"])
    check(row.failures, "words heard that were not said", wrong, maximum=bounds[precision]["wrong"])
    row.notes.append(f"recording: heard {heard} of {spoken} words, {wrong} wrong: " + " ".join(e[0] for e in found))
    title = f"{row.sample}, {precision}: probability of each word over the recording"
    row.pictures += listen.plot(samples, probabilities, found, truth, title,
                                outputs / f"{Path(model).stem}-{precision}.png")
    yield row


if __name__ == "__main__":
  main(run, __doc__)
