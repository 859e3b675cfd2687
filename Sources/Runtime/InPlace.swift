import Bundle
import Kernels

/// The operations that may write over one of their inputs: those that read each element no later than they write its
/// place and never use that input as an index. A bundle cannot widen this.
func mayOverwrite(operation: UInt16, input: Int) -> Bool {
  switch Int(operation) {
  case KERF_OP_UNARY_F32, KERF_OP_UNARY_INT, KERF_OP_SCALE_SHIFT_F32, KERF_OP_LUT_U8, KERF_OP_SOFTMAX_F32, KERF_OP_COPY,
    KERF_OP_LAYER_NORM_F32, KERF_OP_GROUP_NORM_F32:
    input == 0
  case KERF_OP_BINARY_F32, KERF_OP_BINARY_INT, KERF_OP_LOGICAL, KERF_OP_ADD_U8, KERF_OP_MUL_U8: input <= 1
  case KERF_OP_WHERE: input == 1 || input == 2
  case KERF_OP_GEMM_F32, KERF_OP_MATMUL_F32, KERF_OP_CONV2D_F32, KERF_OP_WINOGRAD_F32, KERF_OP_DEPTHWISE_F32:
    input == 3
  case KERF_OP_GEMM_U8_F32, KERF_OP_CONV2D_U8_F32: input == 4
  case KERF_OP_CONV2D_U8_U8: input == 6
  default: false
  }
}
