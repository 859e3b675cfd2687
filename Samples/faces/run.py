#!/usr/bin/env python3
"""Compiles the face detector with kerf, runs it on the astronaut portrait at ten scales and draws the boxes."""
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE))

from common import Row, SampleError, check, compile_model, expected, main
from detector import PYRAMID, boxes_of, overlap, suppress

THRESHOLD = 0.5


def pyramid():
  """The portrait at every scale: float32 arrays [1, 1, H, W] in [0, 1]."""
  stored = np.load(HERE / "pyramid.npz")
  return [stored[f"scale_{side:03d}"][None, None].astype(np.float32) / 255 for side in PYRAMID]


def draw(faces, path):
  """The colour portrait with the faces found. Needs Pillow, else no picture."""
  try:
    from PIL import Image, ImageDraw
  except ImportError:
    return []
  picture = Image.open(HERE / "astronaut.jpg").convert("RGB")
  pen = ImageDraw.Draw(picture)
  for left, top, right, bottom, probability, _ in faces:
    pen.rectangle([left, top, right, bottom], outline="red", width=3)
    text = f"face {probability:.2f}"
    pen.rectangle(pen.textbbox((left + 1, top - 13), text), fill="red")
    pen.text((left + 1, top - 13), text, "white")
  picture.save(path)
  return [path]


def judge(faces, truth):
  """Overlap of the best box with the true one, and how many boxes are no face."""
  if not len(faces):
    return 0.0, 0
  shared = overlap(np.array(truth, np.float64), faces[:, :4])
  return float(shared.max()), int((shared < 0.4).sum())


def run(backend, precision, outputs, seconds):
  outputs, want = outputs / "faces", expected(HERE)
  model = HERE / "model.onnx"
  bundle, report = compile_model(backend, model, precision, HERE / "x_calibration.npy", outputs)
  images, work = pyramid(), outputs / f"{bundle.stem}-outputs"
  maps = [backend.run(bundle, {"image": image}, work)[0] for image in images]
  stored = np.load(HERE / "expected_maps.npz")
  reference = [stored[f"scale_{side:03d}"] for side in PYRAMID]
  for side, output, right in zip(PYRAMID, maps, reference):
    if output.shape != right.shape:
      raise SampleError(f"faces: the {side}-pixel picture gives {list(output.shape)}, not {list(right.shape)}")
  cells = np.concatenate([output.ravel() for output in maps])
  right = np.concatenate([output.ravel() for output in reference])
  agreement = float(np.mean((cells > THRESHOLD) == (right > THRESHOLD)))
  faces = suppress(boxes_of(maps, THRESHOLD))
  shared, wrong = judge(faces, want["truth"])
  timing = backend.bench(bundle, {"image": images[0]}, work, seconds)
  failures, bounds = [], want["bounds"][precision]
  check(failures, "overlap with the true face", shared, minimum=bounds["overlap"])
  check(failures, "boxes that are no face", wrong, maximum=bounds["wrong_boxes"])
  check(failures, "agreement", agreement, minimum=bounds["agreement"])
  if "max_abs" in bounds:
    check(failures, "largest difference", float(np.abs(cells - right).max()), maximum=bounds["max_abs"])
  return [Row(
    sample="faces", precision=precision, model_bytes=model.stat().st_size, bundle_bytes=bundle.stat().st_size,
    load_ms=timing["load_ms"], latency_ms=timing["median_ms"], metric="box IoU", before=want["overlap"], after=shared,
    agreement=agreement, failures=failures, report=report, pictures=draw(faces, outputs / f"faces-{precision}.png"))]


if __name__ == "__main__":
  main(run, __doc__)
