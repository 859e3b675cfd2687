/// The opset in which each operator first appeared, from the ONNX operator changelog; operators that are not listed are
/// there from version 1 on.
enum OperatorVersions {
  /// First version of the operator's domain that has it.
  static func first(_ name: String, domain: String) -> Int {
    versions[domain.isEmpty ? name : "\(domain).\(name)"] ?? 1
  }

  private static let versions: [String: Int] = {
    var result: [String: Int] = [:]
    for (version, names) in table { for name in names.split(separator: " ") { result[String(name)] = version } }
    return result
  }()

  private static let table: [(Int, String)] = [
    (7, "Acos Asin Atan Cos Multinomial Sin Tan"),
    (8, "Expand Scan"),
    (
      9,
      "Acosh Asinh Atanh Compress ConstantOfShape Cosh Erf EyeLike IsNaN MaxUnpool "
        + "MeanVarianceNormalization NonZero OneHot Scatter Shrink Sign Sinh TfIdfVectorizer Where"
    ),
    (
      10,
      "ConvInteger DequantizeLinear IsInf MatMulInteger Mod NonMaxSuppression QLinearConv QLinearMatMul "
        + "QuantizeLinear Resize ReverseSequence RoiAlign StringNormalizer ThresholdedRelu"
    ),
    (
      11,
      "BitShift ConcatFromSequence CumSum Det DynamicQuantizeLinear GatherElements GatherND Range Round "
        + "ScatterElements ScatterND SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert "
        + "SequenceLength SplitToSequence Unique"
    ),
    (12, "Celu Einsum GreaterOrEqual LessOrEqual NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss"),
    (14, "HardSwish Trilu"),
    (15, "Bernoulli CastLike Optional OptionalGetElement OptionalHasElement"),
    (16, "GridSample"),
    (17, "BlackmanWindow DFT HammingWindow HannWindow LayerNormalization MelWeightMatrix STFT SequenceMap"),
    (18, "BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CenterCropPad Col2Im GroupNormalization Mish"),
    (19, "DeformConv"),
    (20, "AffineGrid Gelu ImageDecoder RegexFullMatch StringConcat StringSplit"),
    (23, "Attention RMSNormalization RotaryEmbedding"),
    (24, "Swish TensorScatter"),
    (26, "BitCast CumProd"),
    (27, "CausalConvWithState LinearAttention"),
    (28, "SwiGLU"),
    (5, "ai.onnx.ml.TreeEnsemble"),
  ]
}
