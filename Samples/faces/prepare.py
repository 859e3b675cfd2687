#!/usr/bin/env python3
"""Collects what train.py reads from scikit-image, and writes the astronaut picture and its pyramid beside this file.

Needs: numpy, scikit-image, Pillow. Usage: prepare.py faces.npz
"""
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import color, data

from detector import PYRAMID, WINDOW

HERE = Path(__file__).resolve().parent
# Pictures without a human face, from which negatives are cut.
BACKGROUNDS = ["coins", "text", "clock", "moon", "coffee", "chelsea", "rocket", "hubble_deep_field", "grass", "brick",
               "gravel", "page"]
# Of these, the ones in the public domain or under CC0 whose crops are committed for calibration.
CALIBRATION = ["clock", "coffee", "chelsea", "rocket", "grass", "brick"]


def gray(picture):
  """uint8 [H, W] of any picture."""
  picture = color.rgb2gray(picture) if picture.ndim == 3 else picture / 255.0
  return np.round(picture * 255).astype(np.uint8)


def scaled(picture, factor):
  size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
  return np.asarray(Image.fromarray(picture).resize(size, Image.BOX if factor < 0.6 else Image.BILINEAR))


def main():
  patches = np.round(data.lfw_subset() * 255).astype(np.uint8)
  arrays = {"faces": patches[:100], "others": patches[100:]}
  for name in BACKGROUNDS:
    picture = gray(getattr(data, name)())
    for factor in (1.0, 0.6, 0.36, 0.2):
      arrays[f"background_{name}_{factor}"] = scaled(picture, factor)
  np.savez_compressed(sys.argv[1], **arrays)

  astronaut = data.astronaut()
  Image.fromarray(astronaut).save(HERE / "astronaut.jpg", quality=88)
  pyramid = {f"scale_{size:03d}": scaled(gray(astronaut), size / 512) for size in PYRAMID}
  np.savez_compressed(HERE / "pyramid.npz", **pyramid)

  rng = np.random.default_rng(1)
  crops = []
  for name in CALIBRATION:
    for factor in (0.6, 0.36):
      picture = arrays[f"background_{name}_{factor}"]
      for _ in range(2):
        y, x = (rng.integers(0, side - 95) for side in picture.shape)
        crops.append(picture[y: y + 95, x: x + 95])
  crops = np.stack(crops)[:, None].astype(np.float32) / 255
  mean = crops[1::2].mean((2, 3), keepdims=True)
  crops[1::2] = np.clip((crops[1::2] - mean) * 2 + mean, 0, 1)  # every second one with twice the contrast
  np.save(HERE / "x_calibration.npy", crops)
  print(f"{len(patches)} patches of {patches.shape[1]} pixels, window {WINDOW}, {len(PYRAMID)} scales")


if __name__ == "__main__":
  main()
