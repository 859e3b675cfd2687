#!/usr/bin/env python3
"""Runs all samples as fp32 and int8 and prints one table: size, load, latency, accuracy and agreement.

Needs numpy; Pillow and matplotlib for the pictures. Exit 1 when a sample fails or leaves the bounds in its
expected.json.
"""
import argparse
import dataclasses
import importlib.util
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from common import PRECISIONS, add_options, backend_of
from backends import SampleError

SAMPLES = ["digits", "faces", "words"]
HEADER = ["sample", "", "onnx", "bundle", "load ms", "latency ms", "measure", "before", "after", "agreement", "result"]


def load(sample):
  """The sample's run.py as a module."""
  spec = importlib.util.spec_from_file_location(f"{sample}_run", HERE / sample / "run.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def kilobytes(size):
  return f"{size / 1000:,.1f} kB"


def cells(row):
  return [row.sample, row.precision, kilobytes(row.model_bytes), kilobytes(row.bundle_bytes), f"{row.load_ms:.2f}",
          f"{row.latency_ms:.3f}", row.metric, f"{row.before:.4f}", f"{row.after:.4f}", f"{row.agreement:.4f}",
          "FAILED" if row.failures else "ok"]


def table(rows):
  """Lines with the columns aligned: text left, numbers right."""
  lines = [HEADER, *map(cells, rows)]
  widths = [max(len(line[k]) for line in lines) for k in range(len(HEADER))]
  left = {0, 1, 6, 10}
  texts = ["  ".join(cell.ljust(width) if k in left else cell.rjust(width)
                     for k, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in lines]
  return [texts[0], "-" * max(map(len, texts)), *texts[1:]]


def shown(path):
  """Relative to the current folder where that is possible."""
  path, here = Path(path).resolve(), Path.cwd()
  return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def details(rows):
  lines = []
  for row in rows:
    head = f"{row.sample} {row.precision}"
    if row.report.exists():
      lines.append(f"{head}: report {shown(row.report)}")
    lines += [f"{head}: picture {shown(picture)}" for picture in row.pictures]
    lines += [f"{head}: {note}" for note in row.notes]
    lines += [f"{head}: FAILED: {failure}" for failure in row.failures]
  return lines


def collect(options, backend):
  """All rows, and the errors of the samples that could not run."""
  rows, errors = [], []
  for sample in options.sample or SAMPLES:
    for precision in options.precision or PRECISIONS:
      print(f"{sample} {precision} …", file=sys.stderr, flush=True)
      try:
        rows += load(sample).run(backend, precision, options.outputs, options.seconds)
      except SampleError as error:
        errors.append(f"{sample} {precision}: {error}")
  return rows, errors


def main():
  parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  add_options(parser)
  parser.add_argument("--sample", choices=SAMPLES, action="append", help="default: all")
  options = parser.parse_args()
  try:
    backend = backend_of(options)
  except SampleError as error:
    sys.exit(f"error: {error}")
  rows, errors = collect(options, backend)
  print("\n".join(table(rows)))
  print("\nbefore: the ONNX file under onnxruntime, fp32 (stored with the sample); after: the bundle.")
  print("agreement: share of the decisions that equal onnxruntime's.\n")
  print("\n".join(details(rows)))
  options.outputs.mkdir(parents=True, exist_ok=True)
  summary = options.outputs / "demo.json"
  summary.write_text(json.dumps([dataclasses.asdict(row) for row in rows], indent=2, default=str) + "\n")
  print(f"\nall figures: {shown(summary)}")
  for error in errors:
    print(f"error: {error}", file=sys.stderr)
  sys.exit(1 if errors or any(row.failures for row in rows) else 0)


if __name__ == "__main__":
  main()
