/// Checks of indices that are constants: what would fail at every run is refused when the model is read.
extension InferenceContext {
  /// Throws where a constant tuple of indices (the last axis of the input) lies outside axes of known size.
  /// `sizes` are those that the parts of a tuple index; one size checks every element on its own.
  func checkConstantIndices(_ input: Int, sizes: some Collection<Dim>) throws(Diagnostic) {
    guard let indices = constant(input), indices.type.isInteger, !sizes.isEmpty else { return }
    let known = sizes.map(\.value)
    for (position, index) in indices.integers.enumerated() {
      if let size = known[position % known.count] { _ = try checkedIndex(index, size) }
    }
  }

  /// Throws where an element of a constant integer input lies outside the range.
  func checkConstant(_ input: Int, in range: Range<Int>, _ message: (Int) -> String) throws(Diagnostic) {
    guard let tensor = constant(input), tensor.type.isInteger else { return }
    for value in tensor.integers where !range.contains(value) { throw .invalid(message(value)) }
  }

  /// Throws where a constant position lies outside a sequence of known length. `end`: the place behind the last is one.
  func checkConstantPosition(_ input: Int, inSequence sequence: Int, end: Bool = false) throws(Diagnostic) {
    guard let length = sequenceLength(sequence)?.value, length >= 0 else { return }
    try checkConstant(input, in: -length..<length + (end ? 1 : 0)) {
      "position \($0) is out of range for a sequence of \(length)"
    }
  }

  /// The same for lengths of sequences of so many steps.
  func checkConstantLengths(_ input: Int, steps: Int) throws(Diagnostic) {
    try checkConstant(input, in: 0..<steps + 1) { "sequence length \($0) is out of range 0...\(steps)" }
  }
}
