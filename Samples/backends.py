"""The two ways a sample can run its model: the `kerf` command, or onnxruntime for comparison.

Both offer the same four calls: `compile`, `run`, `evaluate` and `bench`. Only numpy is needed for `kerf`;
the comparison also needs the packages onnxruntime and onnx.
"""
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent


class SampleError(Exception):
  """A step of a sample failed; the text says which command and why."""


def find_kerf(path=None):
  """The kerf executable: the given path, the release or debug build of this repository, or the one on PATH."""
  for candidate in [path] if path else [REPOSITORY / ".build/release/kerf", REPOSITORY / ".build/debug/kerf"]:
    if os.access(candidate, os.X_OK):
      return str(candidate)
  found = shutil.which(str(path or "kerf"))
  if found is None:
    raise SampleError(f"no kerf executable at {path or '.build/release/kerf'}; run `swift build -c release` first")
  return found


class KerfBackend:
  """Calls the kerf command-line program."""

  name = "kerf"
  suffix = ".kerf"

  def __init__(self, executable=None, threads=None):
    self.executable = find_kerf(executable)
    self.threads = [] if threads is None else ["--threads", str(threads)]

  def call(self, *arguments):
    """Runs one command and returns its standard output; raises SampleError with its error text."""
    command = [self.executable, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
      raise SampleError(f"`{' '.join(command)}` ended with {done.returncode}\n{done.stderr.strip()}")
    return done.stdout

  def compile(self, model, bundle, quantize=None, samples=None, report=None, keep_float=()):
    """Compiles `model` to `bundle`.

    With `quantize`, `samples` are the calibration arrays and `keep_float` names ONNX nodes that stay float.
    """
    arguments = ["compile", model, "-o", bundle, "--quiet"]
    if quantize:
      arguments += ["--quantize", quantize, "--samples", samples]
      arguments += [option for node in keep_float for option in ("--keep-float", node)]
    if report:
      arguments += ["--report", report]
    self.call(*arguments)

  def run(self, bundle, inputs, folder):
    """Runs once on `inputs` (name to array) and returns the list of output arrays."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("output_*.npy"):
      old.unlink()
    self.call("run", bundle, *_input_arguments(inputs, folder), "--outputs", folder, *self.threads)
    files = sorted(folder.glob("output_*.npy"), key=lambda file: int(re.sub(r"\D", "", file.stem)))
    if not files:
      raise SampleError(f"kerf run wrote no output_*.npy to {folder}")
    return [np.load(file) for file in files]

  def evaluate(self, bundle, samples, labels):
    """Share of samples whose largest output is the label."""
    text = self.call("evaluate", bundle, "--samples", samples, "--labels", labels, "--metric", "top1", "--json",
                     *self.threads)
    return self.figures(text, "evaluate", "value")["value"]

  def bench(self, bundle, inputs, folder, seconds=1):
    """Latency of one run on `inputs`: at least the keys median_ms and load_ms."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = self.call("bench", bundle, "--seconds", seconds, *_input_arguments(inputs, folder), "--json",
                     *self.threads)
    return self.figures(text, "bench", "median_ms", "load_ms")

  def figures(self, text, command, *keys):
    """The JSON object a command printed; raises SampleError unless `keys` are numbers in it."""
    try:
      values = json.loads(text)
      return values | {key: float(values[key]) for key in keys}
    except (ValueError, TypeError, KeyError) as error:
      raise SampleError(f"`kerf {command} --json` gave no {', '.join(keys)}: {text.strip()[:200]}") from error


def _input_arguments(inputs, folder):
  """Writes each array to `folder` and returns the --inputs options that name it."""
  arguments = []
  for name, array in inputs.items():
    file = Path(folder) / ("input_" + re.sub(r"[^A-Za-z0-9._-]", "_", name) + ".npy")
    np.save(file, np.ascontiguousarray(array))
    arguments += ["--inputs", f"{name}={file}"]
  return arguments


class OnnxRuntimeBackend:
  """The same calls on onnxruntime, with its own static int8 quantization."""

  name = "onnxruntime"
  suffix = ".onnx"

  def __init__(self, threads=None):
    import onnxruntime
    self.module = onnxruntime
    self.threads = threads or 0

  def session(self, model):
    options = self.module.SessionOptions()
    options.intra_op_num_threads = self.threads
    options.log_severity_level = 3
    return self.module.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

  def compile(self, model, bundle, quantize=None, samples=None, report=None, keep_float=()):
    if not quantize:
      shutil.copyfile(model, bundle)
      return
    import logging
    from onnxruntime import quantization
    logging.getLogger().setLevel(logging.ERROR)
    name = self.session(model).get_inputs()[0]
    arrays = [_with_rank(array, len(name.shape)) for array in np.load(samples)]

    class Reader(quantization.CalibrationDataReader):
      def __init__(self):
        self.items = iter(arrays)

      def get_next(self):
        array = next(self.items, None)
        return None if array is None else {name.name: array}

    quantization.quantize_static(str(model), str(bundle), Reader(), per_channel=True,
                                 op_types_to_quantize=["Conv", "Gemm", "MatMul"],
                                 nodes_to_exclude=list(keep_float))

  def run(self, bundle, inputs, folder):
    return self.session(bundle).run(None, inputs)

  def evaluate(self, bundle, samples, labels):
    session = self.session(bundle)
    name = session.get_inputs()[0]
    found = [int(np.argmax(session.run(None, {name.name: _with_rank(array, len(name.shape))})[0]))
             for array in np.load(samples)]
    return float(np.mean(np.array(found) == np.load(labels)))

  def bench(self, bundle, inputs, folder, seconds=1):
    start = time.perf_counter()
    session = self.session(bundle)
    load = time.perf_counter() - start
    times, end = [], time.perf_counter() + seconds
    session.run(None, inputs)
    while time.perf_counter() < end:
      start = time.perf_counter()
      session.run(None, inputs)
      times.append(time.perf_counter() - start)
    return {"median_ms": float(np.median(times)) * 1000, "load_ms": load * 1000}


def _with_rank(array, rank):
  return array if array.ndim == rank else array[None]
