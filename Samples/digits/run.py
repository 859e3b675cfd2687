#!/usr/bin/env python3
"""Compiles the digits CNN with kerf, runs it on the 450 held-out digits and draws what it read."""
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from classify import classify
from common import main


def draw(logits, path, columns=15, rows=6):
  """A sheet of the first test digits under what was read; wrong ones in red. Needs Pillow, else no picture."""
  try:
    from PIL import Image, ImageDraw
  except ImportError:
    return []
  images, labels = np.load(HERE / "x_test.npy"), np.load(HERE / "y_test.npy")
  wrong = np.flatnonzero(logits.argmax(1) != labels)
  order = np.concatenate([wrong, np.setdiff1d(np.arange(len(labels)), wrong)])[: columns * rows]
  cell, text = 48, 14
  sheet = Image.new("RGB", (columns * (cell + 4), rows * (cell + text + 4)), "white")
  pen = ImageDraw.Draw(sheet)
  for place, k in enumerate(order):
    x, y = place % columns * (cell + 4) + 2, place // columns * (cell + text + 4) + 2
    tile = Image.fromarray((255 - images[k, 0] * 255).astype(np.uint8)).resize((cell, cell), Image.NEAREST)
    sheet.paste(tile, (x, y + text))
    read, right = int(logits[k].argmax()), int(labels[k])
    pen.text((x + 4, y), f"{read}" if read == right else f"{read} (is {right})", "green" if read == right else "red")
  sheet.save(path)
  return [path]


def run(backend, precision, outputs, seconds):
  outputs = outputs / "digits"
  row, _, logits = classify(HERE, "model.onnx", backend, precision, outputs, seconds)
  row.pictures += draw(logits, outputs / f"digits-{precision}.png")
  return [row]


if __name__ == "__main__":
  main(run, __doc__)
