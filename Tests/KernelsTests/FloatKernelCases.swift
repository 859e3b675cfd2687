import Kernels

/// Cases of the float32 operations.
let floatKernelCases: [UInt16: @Sendable () -> [KernelCase]] = [
  UInt16(KERF_OP_GEMM_F32): gemmCases,
  UInt16(KERF_OP_CONV2D_F32): convolutionCases,
  UInt16(KERF_OP_DEPTHWISE_F32): depthwiseCases,
  UInt16(KERF_OP_UNARY_F32): unaryCases,
]
