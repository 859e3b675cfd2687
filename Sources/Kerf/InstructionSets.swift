import Foundation
import Kernels

/// Instruction sets of kernels, as users see them.
public enum InstructionSets {
  /// Names of the sets in a mask of bits 1 << KERF_ISA_…, weakest first.
  static func names(_ mask: UInt32) -> [String] {
    (0..<Int32(KERF_ISA_COUNT)).map(kerf_isa_at).filter { mask >> UInt32($0) & 1 == 1 }.map {
      String(cString: kerf_isa_name($0))
    }
  }

  /// Refuses an environment whose variable KERF_ISA names no instruction set: kernels in plain C would run.
  public static func checkEnvironment() throws(KerfError) {
    let name = ProcessInfo.processInfo.environment["KERF_ISA"] ?? ""
    if name.isEmpty || kerf_isa_find(name) >= 0 { return }
    throw KerfError(
      "the environment variable KERF_ISA is '\(printable(name))', which is no instruction set",
      notes: ["instruction sets: \(names(.max).joined(separator: ", "))"])
  }
}
