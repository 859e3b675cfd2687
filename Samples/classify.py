"""The common part of the samples that choose one of several classes for each input: digits and words."""
import numpy as np

from common import Row, check, compile_model, decisions_agree, expected


def classify(folder, model, backend, precision, outputs, seconds):
  """Compiles one classifier, runs it on the test split and compares with the stored onnxruntime outputs.

  Returns the row, the bundle and the outputs [n, classes]. `folder` holds x_test.npy [n, ...],
  y_test.npy [n] int64, x_calibration.npy and, per model, the reference output [n, classes] named in expected.json.
  """
  want = expected(folder)["models"][model]
  name = want["input"]
  bundle, report = compile_model(backend, folder / model, precision, folder / "x_calibration.npy", outputs,
                                 want.get("keep_float", ()))
  x_test, reference = np.load(folder / "x_test.npy"), np.load(folder / want["reference"])
  work = outputs / f"{bundle.stem}-outputs"
  output = backend.run(bundle, {name: x_test}, work)[0]
  agreement = decisions_agree(output, reference)
  accuracy = backend.evaluate(bundle, folder / "x_test.npy", folder / "y_test.npy")
  timing = backend.bench(bundle, {name: x_test[:1]}, work, seconds)
  failures, bounds = [], want["bounds"][precision]
  check(failures, "accuracy", accuracy, minimum=bounds["accuracy"])
  check(failures, "agreement", agreement, minimum=bounds["agreement"])
  if "max_abs" in bounds:
    check(failures, "largest difference", float(np.abs(output - reference).max()), maximum=bounds["max_abs"])
  row = Row(
    sample=want["title"], precision=precision, model_bytes=(folder / model).stat().st_size,
    bundle_bytes=bundle.stat().st_size, load_ms=timing["load_ms"], latency_ms=timing["median_ms"],
    metric="accuracy", before=want["accuracy"], after=accuracy, agreement=agreement, failures=failures,
    report=report, pictures=[])
  return row, bundle, output
