import ArgumentParser
import Kerf

/// `--samples`, which some commands require.
struct SampleOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "Samples: a folder of folders with one sample each, or arrays whose first axis counts samples (FILE.npy, FILE.npz, "
        + "or a folder of input_J.npy).", valueName: "path"),
    completion: .file())
  var samples: String?
}

/// Samples for commands that take `--samples`, `--inputs`, both or neither: what is constant stands beside what varies;
/// without either, one generated sample.
func openSamples(_ samples: String?, _ inputs: [String], for session: Session) throws -> SampleSet {
  let ports = session.inputs
  if let samples {
    let constants = try InputFiles.load(inputs, for: ports)
    return try SampleFiles.open(samples, for: ports, constants: constants).set
  }
  let values = inputs.isEmpty ? try session.generatedInputs() : try InputFiles.loadAll(inputs, for: ports)
  return SampleSet(count: 1) { _ in values }
}
