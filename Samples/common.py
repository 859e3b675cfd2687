"""What every sample's run.py shares: command-line options, one measured row, the bounds of expected.json."""
import argparse
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np

from backends import REPOSITORY, KerfBackend, OnnxRuntimeBackend, SampleError

PRECISIONS = ("fp32", "int8")


@dataclasses.dataclass
class Row:
  """One model of one sample at one precision. Sizes in bytes, times in milliseconds."""
  sample: str
  precision: str
  model_bytes: int
  bundle_bytes: int
  load_ms: float
  latency_ms: float
  metric: str  # what `before` and `after` count
  before: float  # of the ONNX file under onnxruntime, from expected.json
  after: float  # of the compiled bundle
  agreement: float  # share of decisions equal to the stored onnxruntime outputs
  failures: list  # texts; empty when every bound of expected.json is kept
  report: Path
  pictures: list
  notes: list = dataclasses.field(default_factory=list)


def expected(folder):
  return json.loads((Path(folder) / "expected.json").read_text())


def compile_model(backend, model, precision, calibration, outputs, keep_float=()):
  """Compiles `model` into `outputs`; returns the bundle and the report's path."""
  outputs.mkdir(parents=True, exist_ok=True)
  stem = outputs / f"{model.stem}-{precision}"
  bundle, report = stem.with_suffix(backend.suffix), stem.with_suffix(".report.json")
  int8 = precision == "int8"
  backend.compile(model, bundle, quantize="int8" if int8 else None, samples=calibration if int8 else None,
                  report=report, keep_float=keep_float)
  return bundle, report


def check(failures, name, value, minimum=None, maximum=None):
  """Appends a text to `failures` when `value` lies outside its bounds (not-a-number always does)."""
  if minimum is not None and not value >= minimum:
    failures.append(f"{name} is {value:.4g}, expected at least {minimum:.4g}")
  if maximum is not None and not value <= maximum:
    failures.append(f"{name} is {value:.4g}, expected at most {maximum:.4g}")


def add_options(parser):
  parser.add_argument("--kerf", help="the kerf executable (default: this repository's build, then PATH)")
  parser.add_argument("--backend", choices=["kerf", "onnxruntime"], default="kerf",
                      help="onnxruntime runs the same steps for comparison (packages onnxruntime and onnx)")
  parser.add_argument("--precision", choices=PRECISIONS, action="append", help="default: fp32 and int8")
  parser.add_argument("--threads", type=int, help="default: as the backend chooses")
  parser.add_argument("--seconds", type=float, default=1, help="time for each latency measurement (default 1)")
  parser.add_argument("--outputs", type=Path, default=REPOSITORY / ".build/samples",
                      help="folder for bundles, reports and pictures (default .build/samples)")


def backend_of(options):
  if options.backend == "kerf":
    return KerfBackend(options.kerf, options.threads)
  return OnnxRuntimeBackend(options.threads)


def describe(row):
  """The text one run.py prints for a row."""
  lines = [
    f"{row.sample} {row.precision}",
    f"  size      {row.model_bytes:,} bytes (onnx) -> {row.bundle_bytes:,} bytes (bundle)",
    f"  load      {row.load_ms:.2f} ms",
    f"  latency   {row.latency_ms:.3f} ms",
    f"  {row.metric:<9} {row.before:.4f} (onnx under onnxruntime) -> {row.after:.4f} (bundle)",
    f"  agreement {row.agreement:.4f} of the decisions are onnxruntime's",
    f"  report    {row.report if row.report.exists() else '-'}",
  ]
  lines += [f"  note      {note}" for note in row.notes]
  lines += [f"  picture   {picture}" for picture in row.pictures]
  lines += [f"  FAILED    {failure}" for failure in row.failures]
  return "\n".join(lines)


def main(run, description):
  """A sample's command line; `run(backend, precision, outputs, seconds)` returns its rows. Exit 1 on a failure."""
  parser = argparse.ArgumentParser(description=description)
  add_options(parser)
  options = parser.parse_args()
  failed = False
  try:
    backend = backend_of(options)
    for precision in options.precision or PRECISIONS:
      for row in run(backend, precision, options.outputs, options.seconds):
        print(describe(row), flush=True)
        failed = failed or bool(row.failures)
  except SampleError as error:
    sys.exit(f"error: {error}")
  sys.exit(1 if failed else 0)


def decisions_agree(actual, reference):
  """Share of samples whose largest value along the last axis stands at the same place."""
  if actual.shape != reference.shape:
    raise SampleError(f"output has shape {list(actual.shape)}, expected {list(reference.shape)}")
  return float(np.mean(actual.argmax(-1) == reference.argmax(-1)))
