import Bundle
import Kernels

/// What a program will need when it runs, known before it is a bundle.
public enum ArenaSize {
  /// Bytes of the arena for inputs of these dimensions (in the order of the program's inputs; empty for host values).
  /// Throws where the program is not valid, or cannot run on them.
  public static func bytes(
    of program: Program, weightBytes: UInt64, inputDims: [[Int]]
  ) throws(RuntimeError) -> UInt64 {
    let analysis: ProgramAnalysis
    do throws(BundleError) {
      analysis = try ProgramVerifier.verify(program, weightBytes: weightBytes)
    } catch { throw .bundle(error) }
    var sites = 0
    let unit = try LoadedProgram(program, analysis, weights: nil, isaMask: kerf_isa_supported(), sites: &sites)
    var key: [Int64] = []
    for (index, port) in program.inputs.enumerated() where program.slots[Int(port.slot)].storage == .input {
      for dim in inputDims[index] { key.append(Int64(dim)) }
    }
    return try Plan(unit, key: key, pool: nil, limit: .max, policy: BandPolicy()).arenaBytes
  }
}
