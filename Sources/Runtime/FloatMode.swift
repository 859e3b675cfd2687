import Kernels

/// Puts the calling thread in the floating-point mode that kernels are written for, whatever the program around them
/// uses (audio code often flushes denormals to zero): the same bytes come out in every program.
struct FloatMode {
  private let before: UInt64

  init() {
    before = kerf_float_mode()
    kerf_set_float_mode(UInt64(KERF_FLOAT_MODE))
  }

  func restore() { kerf_set_float_mode(before) }
}
