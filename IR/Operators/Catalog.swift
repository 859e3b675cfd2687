/// All operators, by family: one line here and one file per family is what a new operator needs in this module.
public enum OperatorCatalog {
  public static let families: [(name: String, operators: [any Operator.Type])] = [
    ("UnaryMath", unaryMath),
    ("Activations", activations),
    ("UnaryNumbers", unaryNumbers),
    ("BinaryArithmetic", binaryArithmetic),
    ("VariadicArithmetic", variadicArithmetic),
    ("Comparisons", comparisons),
    ("Casts", casts),
    ("Reductions", reductions),
    ("Softmax", softmax),
    ("Extremes", extremes),
    ("Cumulative", cumulative),
    ("Normalizations", normalizations),
    ("LayerNormalizations", layerNormalizations),
    ("Quantization", quantization),
    ("IntegerProducts", integerProducts),
    ("Losses", losses),
    ("Random", random),
    ("Fourier", fourier),
    ("Windows", windows),
    ("Einsum", einsum),
    ("TreeEnsembles", treeEnsembles),
    ("LinearModels", linearModels),
    ("SupportVectors", supportVectors),
    ("FeatureEncoders", featureEncoders),
    ("FeatureScalers", featureScalers),
    ("FeatureMaps", featureMaps),
    ("Optimizers", optimizers),

    // Moving elements and products of matrices.
    ("Convolution", convolution),
    ("Pooling", pooling),
    ("MatrixProduct", matrixProduct),
    ("Reshaping", reshaping),
    ("Transposing", transposing),
    ("Joining", joining),
    ("Slicing", slicing),
    ("Gathering", gathering),
    ("Padding", padding),
    ("Shapes", shapes),
    ("Masking", masking),
    ("Selecting", selecting),
    ("Scattering", scattering),
    ("Recurrent", recurrent),
    ("ControlFlow", controlFlow),
    ("Scanning", scanning),
    ("Resizing", resizing),
    ("Sampling", sampling),
    ("Regions", regions),
    ("Deformation", deformation),
    ("Sequences", sequences),
    ("Optionals", optionals),
    ("Attention", attention),
    ("RecurrentAttention", recurrentAttention),
    ("FlexAttention", flexAttention),
    ("ImageDecoding", imageDecoding),
    ("Strings", strings),
    ("Vectorizing", vectorizing),

    // onnxruntime's own, where ONNX's do not express them; the importer expands the others.
    ("ContribSampling", contribSampling),
    ("ContribTokens", contribTokens),
    ("ContribLinear", contribLinear),
  ]

  public static let all: [any Operator.Type] = families.flatMap(\.operators)

  /// With what only Kerf itself makes nodes of.
  private static let byName: [String: any Operator.Type] = Dictionary(
    (all + [CustomCall.self]).map { ($0.qualifiedName, $0) }, uniquingKeysWith: { first, _ in first })

  /// The operator of that ONNX name and domain ("" or "ai.onnx" is the default domain).
  public static func find(_ name: String, domain: String = "") -> (any Operator.Type)? {
    byName[domain.isEmpty || domain == "ai.onnx" ? name : "\(domain).\(name)"]
  }
}
