"""Builds one-second clips from spoken words: placed at random, with gain and noise. Used by train.py only."""
import numpy as np

import vocabulary as v


class Spoken:
  """The utterances of one split of prepare.py's .npz: float sounds in [-1, 1] and their class."""

  def __init__(self, data, prefix):
    edges = np.concatenate([[0], np.cumsum(data[f"{prefix}_lengths"])])
    samples = data[f"{prefix}_samples"].astype(np.float32) / 32768
    self.sounds = [samples[a:b] for a, b in zip(edges[:-1], edges[1:])]
    self.texts = [str(text) for text in data[f"{prefix}_texts"]]
    self.labels = np.array([v.KEYWORDS.index(t) if t in v.KEYWORDS else v.UNKNOWN for t in self.texts])


def noise(rng, count):
  """One second or more of noise with a random spectral slope (white to brown), sometimes with mains hum; unit RMS."""
  spectrum = np.fft.rfft(rng.standard_normal(count))
  frequency = np.maximum(np.arange(len(spectrum)) / len(spectrum), 0.01)
  sound = np.fft.irfft(spectrum * frequency ** -rng.uniform(0, 1.0), count)
  if rng.random() < 0.3:
    time, base = np.arange(count) / v.RATE, rng.choice([50, 60, 100, 120])
    hum = sum(np.sin(2 * np.pi * base * k * time + rng.uniform(0, 6)) / k for k in (1, 2, 3, 5))
    sound = sound / sound.std() + rng.uniform(0.2, 1.5) * hum
  return (sound / sound.std()).astype(np.float32)


def stretch(rng, sound):
  """The sound played 18 % slower to 18 % faster: other lengths and, as formants move along, other speakers."""
  factor = np.exp(rng.uniform(-0.17, 0.17))
  places = np.arange(int((len(sound) - 1) / factor)) * factor
  return np.interp(places, np.arange(len(sound)), sound).astype(np.float32)


def decibel(value):
  return 10.0 ** (value / 20)


def silence(rng):
  """A clip without speech: noise between -70 and -25 dB of full scale."""
  return noise(rng, v.CLIP) * decibel(rng.uniform(-70, -25))


def clip(rng, sound, gain=(-18, 0), ratio=(6, 36)):
  """`sound` somewhere in one second, at a gain in dB, under noise at a ratio in dB to the sound's RMS."""
  sound = sound * decibel(rng.uniform(*gain))
  spare = v.CLIP - len(sound)
  result = np.zeros(v.CLIP, np.float32)
  if spare >= 0:
    start = rng.integers(0, spare + 1)
    result[start: start + len(sound)] = sound
  else:
    start = rng.integers(0, -spare + 1)
    result[:] = sound[start: start + v.CLIP]
  result += noise(rng, v.CLIP) * sound.std() * decibel(-rng.uniform(*ratio))
  return np.clip(result, -1, 1)


def fragment(rng, sound):
  """A word of which the clip holds at most two fifths, at its start or end: not enough to know it."""
  keep = int(len(sound) * rng.uniform(0.15, 0.4))
  part = np.zeros(v.CLIP, np.float32)
  if rng.random() < 0.5:
    part[:keep] = sound[-keep:]
  else:
    part[-keep:] = sound[:keep]
  part *= decibel(rng.uniform(-18, 0))
  return np.clip(part + noise(rng, v.CLIP) * sound.std() * decibel(-rng.uniform(10, 36)), -1, 1)


def epoch(rng, spoken, fragments=0.08, silences=0.12):
  """Every utterance once, in random order, with fragments (as unknown) and silences mixed in: clips, labels."""
  clips, labels = [], []
  for k in rng.permutation(len(spoken.sounds)):
    sound = stretch(rng, spoken.sounds[k])
    clips.append(clip(rng, sound))
    labels.append(spoken.labels[k])
    if rng.random() < fragments:
      clips.append(fragment(rng, sound))
      labels.append(v.UNKNOWN)
    if rng.random() < silences:
      clips.append(silence(rng))
      labels.append(v.SILENCE)
  return np.stack(clips), np.array(labels)


def held_out(rng, spoken, per_class):
  """A test split: `per_class` clips of each class (fewer when there are no more), noise 10 to 30 dB below the word."""
  clips, labels = [], []
  for label in range(len(v.CLASSES)):
    members = rng.permutation(np.flatnonzero(spoken.labels == label))
    for k in range(per_class if label == v.SILENCE else min(per_class, len(members))):
      clips.append(silence(rng) if label == v.SILENCE else
                   clip(rng, spoken.sounds[members[k]], gain=(-12, 0), ratio=(10, 30)))
      labels.append(label)
  return np.stack(clips), np.array(labels, np.int64)
