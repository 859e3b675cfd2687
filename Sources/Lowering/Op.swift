import IR
import Kernels

/// Kernel operations by name (kerf_ops.h), as the numbers steps hold.
enum Op {
  static let gemm = UInt16(KERF_OP_GEMM_F32)
  static let matmul = UInt16(KERF_OP_MATMUL_F32)
  static let conv2d = UInt16(KERF_OP_CONV2D_F32)
  static let depthwise = UInt16(KERF_OP_DEPTHWISE_F32)
  static let winograd = UInt16(KERF_OP_WINOGRAD_F32)
  static let convTranspose2d = UInt16(KERF_OP_CONV_TRANSPOSE2D_F32)
  static let lstm = UInt16(KERF_OP_LSTM_F32)
  static let gru = UInt16(KERF_OP_GRU_F32)
  static let rnn = UInt16(KERF_OP_RNN_F32)
  static let lstmCodes = UInt16(KERF_OP_LSTM_F32_CODES)
  static let gruCodes = UInt16(KERF_OP_GRU_F32_CODES)
  static let rnnCodes = UInt16(KERF_OP_RNN_F32_CODES)
  static let attention = UInt16(KERF_OP_ATTENTION_F32)
  static let unary = UInt16(KERF_OP_UNARY_F32)
  static let binary = UInt16(KERF_OP_BINARY_F32)
  static let scaleShift = UInt16(KERF_OP_SCALE_SHIFT_F32)
  static let softmax = UInt16(KERF_OP_SOFTMAX_F32)
  static let layerNorm = UInt16(KERF_OP_LAYER_NORM_F32)
  static let groupNorm = UInt16(KERF_OP_GROUP_NORM_F32)
  static let reduce = UInt16(KERF_OP_REDUCE_F32)
  static let maxPool = UInt16(KERF_OP_MAX_POOL_F32)
  static let averagePool = UInt16(KERF_OP_AVG_POOL_F32)
  static let resize = UInt16(KERF_OP_RESIZE_F32)
  static let cumsum = UInt16(KERF_OP_CUMSUM_F32)
  static let topK = UInt16(KERF_OP_TOPK_F32)
  static let lrn = UInt16(KERF_OP_LRN_F32)
  static let unaryInt = UInt16(KERF_OP_UNARY_INT)
  static let binaryInt = UInt16(KERF_OP_BINARY_INT)
  static let compare = UInt16(KERF_OP_COMPARE)
  static let logical = UInt16(KERF_OP_LOGICAL)
  static let select = UInt16(KERF_OP_WHERE)
  static let cast = UInt16(KERF_OP_CAST)
  static let transpose = UInt16(KERF_OP_TRANSPOSE)
  static let gather = UInt16(KERF_OP_GATHER)
  static let gatherElements = UInt16(KERF_OP_GATHER_ELEMENTS)
  static let gatherND = UInt16(KERF_OP_GATHER_ND)
  static let scatterElements = UInt16(KERF_OP_SCATTER_ELEMENTS)
  static let scatterND = UInt16(KERF_OP_SCATTER_ND)
  static let slice = UInt16(KERF_OP_SLICE)
  static let pad = UInt16(KERF_OP_PAD)
  static let concat = UInt16(KERF_OP_CONCAT)
  static let expand = UInt16(KERF_OP_EXPAND)
  static let tile = UInt16(KERF_OP_TILE)
  static let copy = UInt16(KERF_OP_COPY)
  static let dims = UInt16(KERF_OP_DIMS)
  static let arg = UInt16(KERF_OP_ARG)
  static let reduceInt = UInt16(KERF_OP_REDUCE_INT)
  static let oneHot = UInt16(KERF_OP_ONE_HOT)
  static let range = UInt16(KERF_OP_RANGE)
  static let softmaxBF16 = UInt16(KERF_OP_SOFTMAX_BF16)
  static let trilu = UInt16(KERF_OP_TRILU)
  static let cumsumInt = UInt16(KERF_OP_CUMSUM_INT)
  static let reverseSequence = UInt16(KERF_OP_REVERSE_SEQUENCE)
  static let floatClass = UInt16(KERF_OP_IS)
  static let resizeNearest = UInt16(KERF_OP_RESIZE_NEAREST)
  static let quantize = UInt16(KERF_OP_QUANTIZE)
  static let dequantize = UInt16(KERF_OP_DEQUANTIZE)
  static let dynamicQuantize = UInt16(KERF_OP_DYNAMIC_QUANTIZE)
  static let gemmU8 = UInt16(KERF_OP_GEMM_U8_U8)
  static let gemmU8F32 = UInt16(KERF_OP_GEMM_U8_F32)
  static let gemmU8I32 = UInt16(KERF_OP_GEMM_U8_I32)
  static let conv2dU8 = UInt16(KERF_OP_CONV2D_U8_U8)
  static let conv2dU8F32 = UInt16(KERF_OP_CONV2D_U8_F32)
  static let depthwiseU8 = UInt16(KERF_OP_DEPTHWISE_U8_U8)
  static let attentionU8 = UInt16(KERF_OP_ATTENTION_U8)
  static let addU8 = UInt16(KERF_OP_ADD_U8)
  static let mulU8 = UInt16(KERF_OP_MUL_U8)
  static let lutU8 = UInt16(KERF_OP_LUT_U8)
  static let maxPoolU8 = UInt16(KERF_OP_MAX_POOL_U8)
  static let averagePoolU8 = UInt16(KERF_OP_AVG_POOL_U8)
  static let matmulInt = UInt16(KERF_OP_MATMUL_INT)
  static let matmulIntU8 = UInt16(KERF_OP_MATMUL_INT_U8)
  static let matmulIntF32 = UInt16(KERF_OP_MATMUL_INT_F32)
  static let gemmDynamic = UInt16(KERF_OP_GEMM_F32_DYNAMIC)
  static let convDynamic = UInt16(KERF_OP_CONV2D_F32_DYNAMIC)
  static let gemmCodes = UInt16(KERF_OP_GEMM_F32_CODES)
  static let convInt = UInt16(KERF_OP_CONV_INT)

  /// The operation's name as the kernel table has it.
  static func name(_ op: UInt16) -> String {
    guard let found = kerf_find_op(op) else { return "op \(op)" }
    return String(cString: found.pointee.name)
  }
}

extension Tensor {
  /// The tensor with its axes in another order: axis j of the result is axis `axes[j]` of this one.
  func permuted(_ axes: [Int]) throws(Diagnostic) -> Tensor {
    guard type.bitWidth >= 8 else { throw .unsupported("a \(type.name) constant cannot change its layout") }
    let result = axes.map { shape[$0] }
    let width = type.bitWidth / 8
    let strides = rowMajorStrides(shape)
    let steps = axes.map { strides[$0] }
    let source = bytes
    let storage = TensorStorage(byteCount: source.count) { target in
      guard let from = source.baseAddress, let to = target.baseAddress else { return }
      var position = 0
      forEachOffset(result, [steps]) { offsets in
        (to + position).copyMemory(from: from + offsets[0] * width, byteCount: width)
        position += width
      }
    }
    guard let tensor = Tensor(type, result, storage: storage) else { throw .invalid("internal: permutation \(axes)") }
    return tensor
  }
}
