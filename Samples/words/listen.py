"""Slides a keyword spotter over a recording: windows, events from probabilities, comparison with the truth, a plot."""
import wave

import numpy as np

import vocabulary as v

STEP = 800  # samples between two windows: ten answers per second
THRESHOLD = 0.6
SMOOTH = 3  # windows that are averaged
APART = 0.8  # seconds: of two events nearer to each other the less probable one is dropped


def read_wave(path):
  """float32 samples in [-1, 1] of a 16-bit mono file."""
  with wave.open(str(path)) as file:
    if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, v.RATE):
      raise ValueError(f"{path}: expected 16-bit mono at {v.RATE} Hz")
    return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


def windows(samples):
  """[n, CLIP]: one second every STEP samples."""
  starts = range(0, len(samples) - v.CLIP + 1, STEP)
  return np.stack([samples[start: start + v.CLIP] for start in starts])


def smooth(probabilities):
  """Mean over SMOOTH neighbouring windows, fewer at the ends."""
  kernel = np.ones(SMOOTH)
  weight = np.convolve(np.ones(len(probabilities)), kernel, "same")
  return np.stack([np.convolve(column, kernel, "same") / weight for column in probabilities.T], 1)


def events(probabilities):
  """Keywords heard: (word, seconds of the loudest window's middle, probability), in order of time."""
  smoothed, found = smooth(probabilities), []
  for label, word in enumerate(v.KEYWORDS):
    over = np.flatnonzero(smoothed[:, label] > THRESHOLD)
    for run in np.split(over, np.flatnonzero(np.diff(over) > 3) + 1):
      if len(run):
        best = run[smoothed[run, label].argmax()]
        found.append((word, float(best * STEP + v.CLIP / 2) / v.RATE, float(smoothed[best, label])))
  kept = []
  for event in sorted(found, key=lambda event: -event[2]):
    if all(abs(event[1] - other[1]) >= APART for other in kept):
      kept.append(event)
  return sorted(kept, key=lambda event: event[1])


def score(found, truth):
  """How many of the spoken keywords were heard, how many there were, and how many events were none."""
  spoken = [entry for entry in truth if entry["word"] in v.KEYWORDS]
  used, wrong = set(), 0
  for word, time, _ in found:
    match = [k for k, entry in enumerate(spoken)
             if entry["word"] == word and entry["start"] - 0.4 < time < entry["end"] + 0.4 and k not in used]
    if match:
      used.add(match[0])
    else:
      wrong += 1
  return len(used), len(spoken), wrong


def plot(samples, probabilities, found, truth, title, path):
  """Waveform over probabilities over time. Needs matplotlib, else no picture."""
  try:
    import matplotlib
  except ImportError:
    return []
  matplotlib.use("Agg")
  from matplotlib import pyplot
  figure, (upper, lower) = pyplot.subplots(2, 1, figsize=(14, 5), sharex=True, height_ratios=[1, 2])
  upper.plot(np.arange(len(samples)) / v.RATE, samples, linewidth=0.4, color="gray")
  for entry in truth:
    keyword = entry["word"] in v.KEYWORDS
    upper.axvspan(entry["start"], entry["end"], color="tab:green" if keyword else "tab:red", alpha=0.15)
    upper.text((entry["start"] + entry["end"]) / 2, 0.9, entry["word"], ha="center", va="top")
  upper.set(ylim=(-1, 1), ylabel="said", title=title)
  time = (np.arange(len(probabilities)) * STEP + v.CLIP / 2) / v.RATE
  for label, word in enumerate(v.KEYWORDS):
    lower.plot(time, smooth(probabilities)[:, label], label=word)
  for word, at, probability in found:
    lower.annotate(word, (at, probability), ha="center", textcoords="offset points", xytext=(0, 4))
  lower.axhline(THRESHOLD, color="black", linewidth=0.5, linestyle=":")
  lower.set(ylim=(0, 1.3), xlim=(0, len(samples) / v.RATE), ylabel="probability", xlabel="seconds")
  lower.legend(ncols=len(v.KEYWORDS), loc="upper center", fontsize="small")
  figure.tight_layout()
  figure.savefig(path, dpi=80)
  pyplot.close(figure)
  return [path]
