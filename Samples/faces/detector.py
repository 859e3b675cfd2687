"""From probability maps to boxes: the window of the network, the picture's scales, and non-maximum suppression."""
import numpy as np

WINDOW, STRIDE = 23, 4  # pixels that one cell of the output sees, and pixels between two cells
FULL = 512  # side of the astronaut picture
PYRAMID = [294, 247, 208, 175, 147, 123, 104, 87, 73, 61]  # sides it is scaled to: faces from 40 to 193 pixels


def boxes_of(maps, threshold):
  """Boxes [k, 5] (left, top, right, bottom, probability; pixels of the full picture) of all cells over a threshold.

  `maps` holds, for each side of PYRAMID, the output [1, 1, h, w].
  """
  found = []
  for side, output in zip(PYRAMID, maps):
    zoom = FULL / side
    for row, column in np.argwhere(output[0, 0] > threshold):
      left, top = column * STRIDE * zoom, row * STRIDE * zoom
      found.append([left, top, left + WINDOW * zoom, top + WINDOW * zoom, output[0, 0, row, column]])
  return np.array(found, np.float64).reshape(-1, 5)


def overlap(box, boxes):
  """Intersection over union of one box with each of `boxes`."""
  width = np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0])
  height = np.minimum(box[3], boxes[:, 3]) - np.maximum(box[1], boxes[:, 1])
  shared = np.maximum(width, 0) * np.maximum(height, 0)
  return shared / (area(box[None]) + area(boxes) - shared)


def area(boxes):
  return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def suppress(boxes, limit=0.2, support=3):
  """Non-maximum suppression: groups boxes overlapping the best by `limit`, averages each group by probability.

  A face answers in several neighbouring cells and scales: groups of fewer than `support` boxes are dropped.
  """
  left, kept = boxes[np.argsort(-boxes[:, 4], kind="stable")], []
  while len(left):
    inside = overlap(left[0], left)
    centre = (left[:, :2] + left[:, 2:4]) / 2
    within = ((centre > left[0, :2]) & (centre < left[0, 2:4])).all(1)
    group = (inside > limit) | within
    if group.sum() >= support:
      members = left[group & (inside > 0.4)]
      mean = np.average(members[:, :4], axis=0, weights=members[:, 4])
      kept.append([*mean, left[0, 4], group.sum()])
    left = left[~group]
  return np.array(kept, np.float64).reshape(-1, 6)
