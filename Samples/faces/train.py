#!/usr/bin/env python3
"""Trains the face detector on patches and exports it; the exported network takes pictures of any size.

Needs: PyTorch 1.13 or newer and numpy. About three minutes on one core. The seed is fixed.
Usage: prepare.py faces.npz && train.py faces.npz
"""
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from detector import WINDOW

HERE = Path(__file__).resolve().parent
SEED, ROUNDS, STEPS = 5, 6, 130
HELD_OUT = 20  # faces and others kept for a check that is printed
F = nn.functional


class Detector(nn.Module):
  """[N, 1, H, W] gray in [0, 1] -> face logit per cell [N, 1, (H - 23) / 4 + 1, (W - 23) / 4 + 1]; no padding."""

  def __init__(self):
    super().__init__()
    def block(inputs, outputs, size, stride=1):
      return [nn.Conv2d(inputs, outputs, size, stride, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    self.layers = nn.Sequential(
      *block(1, 16, 3, 2), *block(16, 24, 3), *block(24, 32, 3, 2), *block(32, 48, 4), nn.Dropout2d(0.3),
      nn.Conv2d(48, 1, 1))

  def forward(self, image):
    return self.layers(image)


class Whole(nn.Module):
  """What is exported: the detector with its sigmoid."""

  def __init__(self, detector):
    super().__init__()
    self.detector = detector

  def forward(self, image):
    return torch.sigmoid(self.detector(image))


def warp(patches, scale, shift, angle):
  """Windows of WINDOW pixels out of patches [n, 1, 25, 25]: scaled about the centre, shifted (pixels), turned."""
  zoom = WINDOW / patches.shape[-1] / scale
  theta = torch.zeros(len(patches), 2, 3)
  theta[:, 0, 0], theta[:, 0, 1] = zoom * torch.cos(angle), -zoom * torch.sin(angle)
  theta[:, 1, 0], theta[:, 1, 1] = zoom * torch.sin(angle), zoom * torch.cos(angle)
  theta[:, :, 2] = shift * 2 / patches.shape[-1]
  grid = F.affine_grid(theta, (len(patches), 1, WINDOW, WINDOW), align_corners=False)
  return F.grid_sample(patches, grid, padding_mode="reflection", align_corners=False)


class Source:
  """Draws augmented windows. Everything random comes from one generator."""

  def __init__(self, faces, others, backgrounds):
    self.faces, self.others, self.backgrounds = faces, others, backgrounds
    self.generator = torch.Generator().manual_seed(SEED)
    self.hard = torch.zeros(0, 1, WINDOW, WINDOW)

  def uniform(self, low, high, *size):
    return torch.rand(*size, generator=self.generator) * (high - low) + low

  def pick(self, pool, count):
    return pool[torch.randint(len(pool), (count,), generator=self.generator)]

  def flip(self, batch):
    mirrored = torch.rand(len(batch), generator=self.generator) < 0.5
    return torch.where(mirrored[:, None, None, None], batch.flip(3), batch)

  def light(self, batch):
    """Contrast, brightness, a slope of light, blur and noise."""
    count = len(batch)
    mean = batch.mean((1, 2, 3), keepdim=True)
    batch = (batch - mean) * self.uniform(0.5, 1.6, count, 1, 1, 1) + mean + self.uniform(-0.2, 0.2, count, 1, 1, 1)
    ramp = torch.linspace(-1, 1, WINDOW)
    batch = batch + self.uniform(-0.15, 0.15, count, 1, 1, 1) * ramp[:, None]
    batch = batch + self.uniform(-0.15, 0.15, count, 1, 1, 1) * ramp[None, :]
    smooth = F.avg_pool2d(F.pad(batch, (1, 1, 1, 1), mode="reflect"), 3, 1)
    batch = torch.lerp(batch, smooth, self.uniform(0, 0.8, count, 1, 1, 1))
    noise = torch.randn(batch.shape, generator=self.generator) * self.uniform(0, 0.03, count, 1, 1, 1)
    return (batch + noise).clamp(0, 1)

  def positives(self, count):
    faces = self.flip(self.pick(self.faces, count))
    scale, angle = self.uniform(0.9, 1.15, count), self.uniform(-0.25, 0.25, count)
    return self.light(warp(faces, scale, self.uniform(-2, 2, count, 2), angle))

  def wrong_faces(self, count):
    """Faces that are no detection: far off the centre, much too near, or upside down."""
    faces = self.flip(self.pick(self.faces, count))
    shift = self.uniform(-2, 2, count, 2)
    kind = torch.randint(3, (count,), generator=self.generator)
    axis = torch.randint(2, (count,), generator=self.generator)
    sign = torch.randint(2, (count,), generator=self.generator) * 2 - 1
    far = shift.clone()
    far[torch.arange(count), axis] = self.uniform(9, 14, count) * sign
    shift = torch.where((kind == 0)[:, None], far, shift)
    near = self.uniform(1.7, 3.0, count)
    scale = torch.where(kind == 1, near, torch.ones(count))
    shift = torch.where((kind == 1)[:, None], self.uniform(-6, 6, count, 2), shift)
    angle = torch.where(kind == 2, torch.full((count,), np.pi) + self.uniform(-0.6, 0.6, count), torch.zeros(count))
    return self.light(warp(faces, scale, shift, angle))

  def crops(self, count):
    """Windows cut anywhere from the background pictures."""
    result = []
    for choice in torch.randint(len(self.backgrounds), (count,), generator=self.generator).tolist():
      picture = self.backgrounds[choice]
      y = int(torch.randint(picture.shape[0] - WINDOW + 1, (1,), generator=self.generator))
      x = int(torch.randint(picture.shape[1] - WINDOW + 1, (1,), generator=self.generator))
      result.append(picture[y: y + WINDOW, x: x + WINDOW])
    return torch.stack(result)[:, None]

  def negatives(self, count):
    others = self.flip(self.pick(self.others, count // 4))
    none = torch.zeros(len(others))
    parts = [self.light(warp(others, self.uniform(0.9, 1.6, len(others)), self.uniform(-4, 4, len(others), 2), none)),
             self.wrong_faces(count // 4), self.light(self.crops(count // 4))]
    rest = count - sum(map(len, parts))
    parts.append(self.light(self.flip(self.pick(self.hard, rest))) if len(self.hard) else self.light(self.crops(rest)))
    return torch.cat(parts)


def mine(model, source, limit=60):
  """Adds the windows of each background picture that the network takes for faces most."""
  model.eval()
  found = []
  with torch.no_grad():
    for picture in source.backgrounds:
      for view in (picture, picture.flip(1), 1 - picture):
        logits = model(view[None, None])[0, 0]
        best = logits.flatten().topk(min(limit, logits.numel()))
        for place in best.indices[best.values > -2].tolist():
          y, x = 4 * (place // logits.shape[1]), 4 * (place % logits.shape[1])
          found.append(view[y: y + WINDOW, x: x + WINDOW])
  if found:
    source.hard = torch.cat([source.hard, torch.stack(found)[:, None]])[-6000:]
  print(f"  {len(found)} windows mined, {len(source.hard)} kept", flush=True)


def train(model, source):
  optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=2e-2)
  schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, ROUNDS * STEPS)
  for round_ in range(ROUNDS):
    model.train()
    total = 0.0
    for _ in range(STEPS):
      images = torch.cat([source.positives(64), source.negatives(192)])
      truth = torch.cat([torch.full((64,), 0.97), torch.full((192,), 0.01)])
      loss = F.binary_cross_entropy_with_logits(model(images).flatten(), truth)
      optimizer.zero_grad()
      loss.backward()
      optimizer.step()
      schedule.step()
      total += loss.item()
    print(f"round {round_ + 1}: loss {total / STEPS:.4f}")
    if round_ + 1 < ROUNDS:
      mine(model, source)


def export(model):
  whole = Whole(model).eval()
  axes = {0: "N", 2: "H", 3: "W"}
  torch.onnx.export(
    whole, torch.zeros(2, 1, 64, 80), str(HERE / "model.onnx"), opset_version=17,
    input_names=["image"], output_names=["face"],
    dynamic_axes={"image": axes, "face": {0: "N", 2: "h", 3: "w"}},
    training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)


def main():
  torch.manual_seed(SEED)
  torch.set_num_threads(1)
  data = np.load(sys.argv[1])
  def tensor(name):
    return torch.from_numpy(data[name].astype(np.float32) / 255)
  faces, others = tensor("faces")[:, None], tensor("others")[:, None]
  backgrounds = [tensor(name) for name in data.files if name.startswith("background_")]
  model = Detector()
  train(model, Source(faces[:-HELD_OUT], others[:-HELD_OUT], backgrounds))
  model.eval()
  with torch.no_grad():
    hits = (model(faces[-HELD_OUT:, :, 1:24, 1:24]) > 0).float().mean()
    alarms = (model(others[-HELD_OUT:, :, 1:24, 1:24]) > 0).float().mean()
  print(f"held-out patches: {hits:.2f} of faces found, {alarms:.2f} of others taken for faces")
  export(model)


if __name__ == "__main__":
  main()
