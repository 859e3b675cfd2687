#!/usr/bin/env python3
"""Trains the digits CNN, exports model.onnx and writes the test and calibration arrays beside it.

Needs: PyTorch 1.13 or newer and numpy. About one minute on one core. The seed is fixed.
Usage: prepare.py digits.npz && train.py digits.npz
"""
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).resolve().parent
SEED = 20
EPOCHS = 60
TEST_FRACTION = 0.25
CALIBRATION_SAMPLES = 128


class Digits(nn.Module):
  """[N, 1, 8, 8] -> logits [N, 10]; BatchNormalization stays in the graph for the compiler to fold."""

  def __init__(self):
    super().__init__()
    self.features = nn.Sequential(
      nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
      nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
      nn.MaxPool2d(2),
      nn.Conv2d(32, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
      nn.MaxPool2d(2),
    )
    self.classifier = nn.Sequential(nn.Flatten(1), nn.Linear(32 * 2 * 2, 64), nn.ReLU(), nn.Linear(64, 10))

  def forward(self, image):
    return self.classifier(self.features(image))


def split(labels, rng):
  """Stratified indices: the same share of every digit is held out."""
  test = []
  for digit in range(10):
    members = rng.permutation(np.flatnonzero(labels == digit))
    test.append(members[: int(round(len(members) * TEST_FRACTION))])
  test = np.sort(np.concatenate(test))
  return np.setdiff1d(np.arange(len(labels)), test), test


def augment(batch, generator):
  """Random small rotation, scale and shift."""
  count = batch.shape[0]
  angle = (torch.rand(count, generator=generator) - 0.5) * 0.4
  scale = 1.0 + (torch.rand(count, generator=generator) - 0.5) * 0.2
  shift = (torch.rand(count, 2, generator=generator) - 0.5) * 0.3
  theta = torch.zeros(count, 2, 3)
  theta[:, 0, 0] = torch.cos(angle) * scale
  theta[:, 0, 1] = -torch.sin(angle) * scale
  theta[:, 1, 0] = torch.sin(angle) * scale
  theta[:, 1, 1] = torch.cos(angle) * scale
  theta[:, :, 2] = shift
  grid = nn.functional.affine_grid(theta, batch.shape, align_corners=False)
  return nn.functional.grid_sample(batch, grid, align_corners=False)


def train(model, images, labels):
  generator = torch.Generator().manual_seed(SEED)
  optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-3)
  steps = EPOCHS * ((len(images) + 63) // 64)
  schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=steps)
  for epoch in range(EPOCHS):
    model.train()
    for batch in torch.randperm(len(images), generator=generator).split(64):
      loss = nn.functional.cross_entropy(model(augment(images[batch], generator)), labels[batch])
      optimizer.zero_grad()
      loss.backward()
      optimizer.step()
      schedule.step()
    if epoch % 10 == 9:
      print(f"epoch {epoch + 1}: loss {loss.item():.4f}")


def export(model):
  model.eval()
  torch.onnx.export(
    model, torch.zeros(2, 1, 8, 8), str(HERE / "model.onnx"), opset_version=17,
    input_names=["image"], output_names=["logits"],
    dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}},
    training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)


def main():
  torch.manual_seed(SEED)
  torch.set_num_threads(1)
  data = np.load(sys.argv[1])
  images, labels = data["images"], data["labels"]
  rng = np.random.default_rng(SEED)
  training, test = split(labels, rng)
  calibration = rng.permutation(training)[:CALIBRATION_SAMPLES]
  model = Digits()
  train(model, torch.from_numpy(images[training]), torch.from_numpy(labels[training]))
  export(model)
  with torch.no_grad():
    predicted = model(torch.from_numpy(images[test])).argmax(1).numpy()
  print(f"held-out accuracy {np.mean(predicted == labels[test]):.4f} of {len(test)}")
  np.save(HERE / "x_test.npy", images[test])
  np.save(HERE / "y_test.npy", labels[test])
  np.save(HERE / "x_calibration.npy", images[calibration])


if __name__ == "__main__":
  main()
