import IR
import Testing

@testable import Lowering

/// Every operator either has a rule that lowers it to kernels, or stands here with the reason why not.
@Suite struct CompletenessTests {
  static let referenceOnly: [(reason: String, names: String)] = [
    (
      "works on strings, sequences, optionals or maps, which live only on the host",
      """
      ConcatFromSequence Optional OptionalGetElement OptionalHasElement RegexFullMatch SequenceAt SequenceConstruct \
      SequenceEmpty SequenceErase SequenceInsert SequenceLength SequenceMap SplitToSequence StringConcat \
      StringNormalizer StringSplit TfIdfVectorizer ai.onnx.ml.CastMap ai.onnx.ml.CategoryMapper \
      ai.onnx.ml.DictVectorizer ai.onnx.ml.LabelEncoder ai.onnx.ml.ZipMap
      """
    ),
    ("its result's size depends on the data", "Compress NonMaxSuppression NonZero Unique"),
    (
      "is folded or computed while planning",
      "BlackmanWindow EyeLike HammingWindow HannWindow MelWeightMatrix Shape Size"
    ),
    ("decodes files", "ImageDecoder"),
    ("draws random numbers", "Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike"),
    (
      "belongs to training",
      """
      NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss ai.onnx.preview.training.Adagrad \
      ai.onnx.preview.training.Adam ai.onnx.preview.training.Momentum
      """
    ),
    (
      "classical machine learning",
      """
      ai.onnx.ml.ArrayFeatureExtractor ai.onnx.ml.Binarizer ai.onnx.ml.FeatureVectorizer ai.onnx.ml.Imputer \
      ai.onnx.ml.LinearClassifier ai.onnx.ml.LinearRegressor ai.onnx.ml.Normalizer ai.onnx.ml.OneHotEncoder \
      ai.onnx.ml.SVMClassifier ai.onnx.ml.SVMRegressor ai.onnx.ml.Scaler ai.onnx.ml.TreeEnsemble \
      ai.onnx.ml.TreeEnsembleClassifier ai.onnx.ml.TreeEnsembleRegressor
      """
    ),
    (
      "onnxruntime's own, rare in exported networks",
      """
      com.microsoft.CropAndResize com.microsoft.Inverse com.microsoft.MaxpoolWithMask com.microsoft.MurmurHash3 \
      com.microsoft.NGramRepeatBlock
      """
    ),
    (
      "rare in exported networks: no kernel so far",
      """
      AffineGrid BitCast CausalConvWithState CenterCropPad Col2Im CumProd DFT DeformConv Det Einsum \
      GlobalLpPool GridSample Hardmax LinearAttention LpNormalization LpPool MaxRoiPool MaxUnpool \
      MeanVarianceNormalization RoiAlign RotaryEmbedding STFT SwiGLU TensorScatter \
      ai.onnx.preview.FlexAttention
      """
    ),
  ]

  @Test func everyOperatorIsLoweredOrListed() {
    let listed = Set(Self.referenceOnly.flatMap { $0.names.split(separator: " ").map(String.init) })
    let lowered = Set(loweredOperatorNames)
    let all = Set(OperatorCatalog.all.map { $0.qualifiedName })
    #expect(all.subtracting(lowered).subtracting(listed).sorted() == [])
    #expect(listed.intersection(lowered).sorted() == [], "has a rule by now")
    #expect(listed.subtracting(all).sorted() == [], "is no operator")
    #expect(lowered.subtracting(all).sorted() == [], "a rule for no operator")
  }

  @Test func everyKernelOperationOfALoweringExists() {
    for op in [Op.gemm, Op.conv2d, Op.depthwise, Op.lstm, Op.gemmU8, Op.conv2dU8, Op.convInt, Op.resizeNearest] {
      #expect(!Op.name(op).hasPrefix("op "))
    }
  }
}
