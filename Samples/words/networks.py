"""The two networks, each with the log-mel front end as ordinary layers in front, so that the .onnx takes a waveform."""
import numpy as np
import torch
from torch import nn

import vocabulary as v

WINDOW, HOP, MELS = 256, 160, 32  # 32 ms windows every 20 ms
FRAMES = (v.CLIP - WINDOW) // HOP + 1  # 49
LOWEST, HIGHEST = 80.0, 3800.0  # Hz


def mel_matrix(first, last):
  """Triangular filters [last - first, MELS] over the DFT bins first ..< last, evenly spaced on the mel scale."""
  def to_mel(hertz):
    return 1127 * np.log1p(np.asarray(hertz) / 700)

  edges = np.linspace(to_mel(LOWEST), to_mel(HIGHEST), MELS + 2)
  bins = to_mel(np.arange(first, last) * v.RATE / WINDOW)[:, None]
  rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
  falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
  return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


class FrontEnd(nn.Module):
  """Waveform [N, 8000] in [-1, 1] -> log-mel [N, FRAMES, MELS]: windowed DFT as a convolution, power, mel, log."""

  def __init__(self):
    super().__init__()
    first = int(LOWEST * WINDOW / v.RATE)
    last = int(np.ceil(HIGHEST * WINDOW / v.RATE)) + 1
    self.bins = last - first
    angle = 2 * np.pi * np.outer(np.arange(first, last), np.arange(WINDOW)) / WINDOW
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    kernel = np.concatenate([np.cos(angle), -np.sin(angle)]) * window * 2 / WINDOW
    self.dft = nn.Conv1d(1, 2 * self.bins, WINDOW, stride=HOP, bias=False)
    self.dft.weight = nn.Parameter(torch.from_numpy(kernel.astype(np.float32))[:, None], requires_grad=False)
    self.mel = nn.Parameter(torch.from_numpy(mel_matrix(first, last)), requires_grad=False)

  def forward(self, waveform):
    return self.log_mel(self.dft(waveform.unsqueeze(1)))

  def coarse(self, waveform, step):
    """As forward, with the waveform in steps of 1/127 and the spectrum in steps of `step` ([N, 1, 1]).

    Trained on this too, a network does not mind a front end in eight bits.
    """
    spectrum = self.dft(torch.round(waveform * 127).unsqueeze(1) / 127)
    return self.log_mel(torch.round(spectrum / step) * step)

  def log_mel(self, spectrum):
    real, imaginary = spectrum[:, : self.bins], spectrum[:, self.bins:]
    power = real * real + imaginary * imaginary
    energy = torch.matmul(power.transpose(1, 2), self.mel)
    return torch.log(energy + 1e-5) * 0.25 + 2.0


def separable(inputs, outputs):
  return nn.Sequential(
    nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False), nn.BatchNorm2d(inputs), nn.ReLU6(),
    nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU6())


class Convolutional(nn.Module):
  """DS-CNN: one full convolution, four depthwise-separable ones, mean over time and frequency. Log-mel -> logits."""

  def __init__(self, channels=64):
    super().__init__()
    self.layers = nn.Sequential(
      nn.Conv2d(1, channels, (10, 4), stride=2, padding=(4, 1), bias=False), nn.BatchNorm2d(channels), nn.ReLU6(),
      separable(channels, channels), separable(channels, channels), separable(channels, channels),
      separable(channels, channels))
    self.classifier = nn.Linear(channels, len(v.CLASSES))

  def forward(self, features):
    return self.classifier(self.layers(features.unsqueeze(1)).mean((2, 3)))


class Recurrent(nn.Module):
  """Two GRU layers over the frames; the last state decides. Log-mel -> logits."""

  def __init__(self, units=64):
    super().__init__()
    self.units = units
    self.gru = nn.GRU(MELS, units, num_layers=2)
    self.classifier = nn.Linear(units, len(v.CLASSES))

  def forward(self, features):
    start = features.new_zeros(2, features.shape[0], self.units)
    states, _ = self.gru(features.transpose(0, 1), start)
    return self.classifier(states[-1])


class Whole(nn.Module):
  """What is exported: waveform [N, 8000] -> probabilities [N, classes]."""

  def __init__(self, front, network):
    super().__init__()
    self.front, self.network = front, network

  def forward(self, waveform):
    return torch.softmax(self.network(self.front(waveform)), 1)
