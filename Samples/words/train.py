#!/usr/bin/env python3
"""Trains both keyword spotters, exports them and writes the test and calibration arrays and the recording.

Needs: PyTorch 1.13 or newer and numpy. A few minutes per network on one core. The seeds are fixed.
Usage: prepare.py words.npz && train.py words.npz [words_dscnn | words_gru]
"""
import json
import sys
import time
import wave
from pathlib import Path

import numpy as np
import torch
from torch import nn

import clips
import networks
import vocabulary as v

HERE = Path(__file__).resolve().parent
EPOCHS = 26
UNKNOWN_WEIGHT = 0.5  # there are more other words than utterances of any one keyword
TEST_PER_CLASS, CALIBRATION_PER_CLASS = 12, 4


def front_features(front, rng, sounds):
  """Log-mel features of all clips, half of them through a coarse front end."""
  parts = []
  with torch.no_grad():
    for number, part in enumerate(torch.from_numpy(sounds).split(64)):
      step = torch.from_numpy(np.exp(rng.uniform(np.log(0.0005), np.log(0.005), (len(part), 1, 1)))).float()
      parts.append(front.coarse(part, step) if number % 2 else front(part))
  return torch.cat(parts)


def train(name, network, front, spoken):
  torch.manual_seed(7)
  rng = np.random.default_rng(8)
  weights = torch.ones(len(v.CLASSES))
  weights[v.UNKNOWN] = UNKNOWN_WEIGHT
  optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-2)
  schedule, started = None, time.process_time()
  for round_ in range(EPOCHS):
    sounds, labels = clips.epoch(rng, spoken)
    features = front_features(front, rng, sounds)
    labels = torch.from_numpy(labels)
    if schedule is None:
      total = EPOCHS * (len(labels) // 64 + 60)
      schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=total)
    network.train()
    sums = 0.0
    for batch in torch.arange(len(labels)).split(64):
      loss = nn.functional.cross_entropy(network(features[batch]), labels[batch], weights, label_smoothing=0.05)
      optimizer.zero_grad()
      loss.backward()
      nn.utils.clip_grad_norm_(network.parameters(), 1.0)
      optimizer.step()
      schedule.step()
      sums += loss.item() * len(batch)
    seconds = time.process_time() - started
    print(f"{name} epoch {round_ + 1}: loss {sums / len(labels):.3f}, {seconds:.0f} s", flush=True)


def export(whole, path):
  whole.eval()
  torch.onnx.export(
    whole, torch.zeros(2, v.CLIP), str(path), opset_version=17,
    input_names=["waveform"], output_names=["probabilities"],
    dynamic_axes={"waveform": {0: "N"}, "probabilities": {0: "N"}},
    training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)


def record(data):
  """Writes recording.wav, the words of v.RECORDING with pauses under faint noise, and recording.json, what is when."""
  rng = np.random.default_rng(11)
  spoken = clips.Spoken(data, "recording")
  parts, truth, at = [], [], 0
  for (_, word), sound in zip(v.RECORDING, spoken.sounds):
    pause = np.zeros(int(rng.uniform(0.7, 1.1) * v.RATE), np.float32)
    at += len(pause)
    truth.append({"word": word, "start": round(at / v.RATE, 3), "end": round((at + len(sound)) / v.RATE, 3)})
    at += len(sound)
    parts += [pause, sound * clips.decibel(rng.uniform(-10, -2))]
  whole = np.concatenate(parts + [np.zeros(v.RATE, np.float32)])
  whole += clips.noise(rng, len(whole)) * clips.decibel(-42)
  with wave.open(str(HERE / "recording.wav"), "wb") as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(v.RATE)
    file.writeframes(np.round(np.clip(whole, -1, 1) * 32767).astype("<i2").tobytes())
  (HERE / "recording.json").write_text(json.dumps(truth, indent=1) + "\n")


def probabilities(whole, sounds):
  with torch.no_grad():
    return torch.cat([whole(part) for part in torch.from_numpy(sounds).split(256)]).numpy()


def main():
  torch.set_num_threads(1)
  data = np.load(sys.argv[1])
  training, test = clips.Spoken(data, "train"), clips.Spoken(data, "test")
  all_x, all_y = clips.held_out(np.random.default_rng(20), test, 48)
  x_test, y_test = clips.held_out(np.random.default_rng(21), test, TEST_PER_CLASS)
  np.save(HERE / "x_test.npy", x_test)
  np.save(HERE / "y_test.npy", y_test)
  np.save(HERE / "x_calibration.npy", clips.held_out(np.random.default_rng(22), training, CALIBRATION_PER_CLASS)[0])
  record(data)
  for name, kind in [("words_dscnn", networks.Convolutional), ("words_gru", networks.Recurrent)]:
    if len(sys.argv) > 2 and sys.argv[2] != name:
      continue
    torch.manual_seed(6)
    front, network = networks.FrontEnd(), kind()
    train(name, network, front, training)
    whole = networks.Whole(front, network).eval()
    export(whole, HERE / f"{name}.onnx")
    for title, x, y in [("all held-out clips", all_x, all_y), ("committed test split", x_test, y_test)]:
      print(f"{name}: {np.mean(probabilities(whole, x).argmax(1) == y):.4f} of {len(y)} ({title})")


if __name__ == "__main__":
  main()
