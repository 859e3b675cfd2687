import Kernels

/// Cases of the float32 operations.
let floatKernelCases: [UInt16: @Sendable () -> [KernelCase]] = [
  UInt16(KERF_OP_GEMM_F32): gemmCases,
  UInt16(KERF_OP_MATMUL_F32): matmulCases,
  UInt16(KERF_OP_CONV2D_F32): convolutionCases,
  UInt16(KERF_OP_WINOGRAD_F32): winogradCases,
  UInt16(KERF_OP_DEPTHWISE_F32): depthwiseCases,
  UInt16(KERF_OP_ATTENTION_F32): attentionCases,
  UInt16(KERF_OP_LSTM_F32): lstmCases,
  UInt16(KERF_OP_GRU_F32): gruCases,
  UInt16(KERF_OP_RNN_F32): rnnCases,
  UInt16(KERF_OP_UNARY_F32): unaryCases,
  UInt16(KERF_OP_BINARY_F32): binaryCases,
  UInt16(KERF_OP_SCALE_SHIFT_F32): scaleShiftCases,
  UInt16(KERF_OP_SOFTMAX_F32): softmaxCases,
  UInt16(KERF_OP_LAYER_NORM_F32): layerNormCases,
  UInt16(KERF_OP_GROUP_NORM_F32): groupNormCases,
  UInt16(KERF_OP_REDUCE_F32): reduceCases,
  UInt16(KERF_OP_MAX_POOL_F32): maxPoolCases,
  UInt16(KERF_OP_AVG_POOL_F32): averagePoolCases,
  UInt16(KERF_OP_CONV_TRANSPOSE2D_F32): convolutionTransposeCases,
  UInt16(KERF_OP_RESIZE_F32): resizeCases,
  UInt16(KERF_OP_CUMSUM_F32): cumulativeSumCases,
  UInt16(KERF_OP_TOPK_F32): topKCases,
  UInt16(KERF_OP_LRN_F32): lrnCases,
]
