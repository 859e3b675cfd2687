#!/usr/bin/env python3
"""Speaks all words with espeak-ng and stores them, trimmed, at 8 kHz as int16 in one .npz that train.py reads.

Needs: espeak-ng 1.51, numpy, scipy. About one minute. The same espeak-ng gives the same bytes.
Usage: prepare.py words.npz
"""
import io
import subprocess
import sys
import wave

import numpy as np
from scipy.signal import resample_poly

import vocabulary as v

PER_KEYWORD, PER_OTHER = 360, 36  # spoken words in training
PER_KEYWORD_TEST, PER_OTHER_TEST = 48, 8


def speak(text, accent, voice, rate, pitch):
  """One utterance at 8 kHz, silence at both ends cut off; int16, peak 0.8 of full scale."""
  command = ["espeak-ng", "-v", f"{accent}+{voice}", "-s", str(rate), "-p", str(pitch), "--stdout", text]
  data = subprocess.run(command, capture_output=True, check=True).stdout
  with wave.open(io.BytesIO(data)) as file:
    source = file.getframerate()
  sound = np.frombuffer(data[44:], "<i2").astype(np.float64) / 32768
  sound = resample_poly(sound, 160, 441) if source == 22050 else resample_poly(sound, v.RATE, source)
  level = np.convolve(np.abs(sound), np.ones(80) / 80, "same")
  loud = np.flatnonzero(level > 0.02 * level.max())
  sound = sound[max(0, loud[0] - 80): loud[-1] + 80]
  return np.round(sound / np.abs(sound).max() * 0.8 * 32767).astype(np.int16)


def speak_many(words, count, voices, rates, rng):
  """`count` utterances of each word, each with a voice, accent, rate and pitch drawn from the given ones."""
  sounds, texts, names = [], [], []
  for word in words:
    for _ in range(count):
      accent, voice = rng.choice(v.ACCENTS), rng.choice(voices)
      sounds.append(speak(word, accent, voice, rng.choice(rates), int(rng.integers(25, 76))))
      texts.append(word)
      names.append(f"{accent}+{voice}")
  return sounds, texts, names


def pack(prefix, sounds, texts, names):
  return {
    f"{prefix}_samples": np.concatenate(sounds),
    f"{prefix}_lengths": np.array([len(sound) for sound in sounds]),
    f"{prefix}_texts": np.array(texts),
    f"{prefix}_voices": np.array(names),
  }


def main():
  rng = np.random.default_rng(3)
  arrays = {}
  for prefix, voices, rates, others, per_word, per_other in [
    ("train", v.VOICES_TRAIN, v.RATES_TRAIN, v.OTHER_WORDS, PER_KEYWORD, PER_OTHER),
    ("test", v.VOICES_TEST, v.RATES_TEST, v.OTHER_WORDS_TEST + v.OTHER_WORDS[::2], PER_KEYWORD_TEST, PER_OTHER_TEST),
  ]:
    keywords = speak_many(v.KEYWORDS, per_word, voices, rates, rng)
    other = speak_many(others, per_other, voices, rates, rng)
    arrays |= pack(prefix, *(a + b for a, b in zip(keywords, other)))
    print(f"{prefix}: {len(keywords[0])} keywords, {len(other[0])} other words", flush=True)
  spoken = [speak(word, "en-us", voice, 150, 50) for voice, word in v.RECORDING]
  arrays |= pack("recording", spoken, [word for _, word in v.RECORDING],
                 [f"en-us+{voice}" for voice, _ in v.RECORDING])
  np.savez_compressed(sys.argv[1], **arrays)


if __name__ == "__main__":
  main()
