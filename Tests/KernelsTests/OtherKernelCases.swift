import Kernels

/// Cases of the operations that move data, of integers and of 8-bit arithmetic.
let otherKernelCases: [UInt16: @Sendable () -> [KernelCase]] = [:]
