import Kernels

/// What a bundle is compiled for: which instruction sets its kernels may use. Packed weights are the same for all.
public enum Target: String, CaseIterable, Sendable {
  case native
  case portable
  case x8664v2 = "x86-64-v2"
  case x8664v3 = "x86-64-v3"
  case x8664v4 = "x86-64-v4"
  case aarch64
  case aarch64Dotprod = "aarch64-dotprod"
  case aarch64I8mm = "aarch64-i8mm"

  /// Bits 1 << KERF_ISA_… of the instruction sets that kernels may use.
  public var isaMask: UInt32 {
    func mask(_ sets: [Int]) -> UInt32 { sets.reduce(0) { $0 | 1 << UInt32($1) } }
    let portable = Int(KERF_ISA_PORTABLE)
    let avx2 = Int(KERF_ISA_AVX2)
    let avxVNNI = Int(KERF_ISA_AVXVNNI)
    let neon = Int(KERF_ISA_NEON)
    return switch self {
    case .native: kerf_isa_supported()
    case .portable, .x8664v2: mask([portable])
    case .x8664v3: mask([portable, avx2, avxVNNI])
    case .x8664v4: mask([portable, avx2, avxVNNI, Int(KERF_ISA_AVX512), Int(KERF_ISA_AVX512VNNI)])
    case .aarch64: mask([portable, neon])
    case .aarch64Dotprod: mask([portable, neon, Int(KERF_ISA_DOTPROD)])
    case .aarch64I8mm: mask([portable, neon, Int(KERF_ISA_DOTPROD), Int(KERF_ISA_I8MM)])
    }
  }

  /// Those of them that the cost table counts on: not all processors of x86-64-v3 have AVX-VNNI.
  public var expectedMask: UInt32 {
    self == .x8664v3 ? isaMask & ~(1 << UInt32(KERF_ISA_AVXVNNI)) : isaMask
  }
}
