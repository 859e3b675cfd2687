import IR

/// The orders in which passes run, each with its reason.
public enum Pipelines {
  /// Without loss: changes no value beyond floating-point reassociation. For every model, before any compression.
  /// `forCodes`: as quantization wants it.
  public static func lossless(forCodes: Bool = false) -> Pipeline {
    // Twice: fusions uncover more to simplify, as a scale folded into weights that a transpose stood before.
    let fusions = fuse(forCodes: forCodes).keepingRoundings()
    // Each on codes has a range of its own.
    let projections = forCodes ? Pipeline([]) : Pipeline([RulePass(MergeProjections())]).keepingRoundings()
    return simplify() + recover().keepingRoundings() + fusions + attention().keepingRoundings() + simplify()
      + projections + fusions
      // At the end: batch normalizations have been folded, and activations fused.
      + transposedConvolutions(forCodes: forCodes).keepingRoundings() + cleanUp()
  }

  /// Constants, shapes, no-ops and layout changes.
  public static func simplify() -> Pipeline {
    Pipeline([
      // First: constants and shapes decide most of what the others look for.
      FoldConstants(),
      // Bodies see the constants around them; branches that cannot be taken go.
      RulePass(InlineConditionals()),
      RulePass(RecoverSqueeze()),
      // Before transposes cancel and attention is looked for: both are written as Einstein sums, too.
      RulePass(DecomposeEinsum()),
      RulePass(SinkConstantsIntoBodies()),
      RulePass(SimplifyShapeArithmetic()),
      RulePass(EliminateIdentities()),
      RulePass(CancelReshapes()),
      // Down as far as they go, so that they meet; then those that met cancel.
      RulePass(SinkTransposes()),
      RulePass(CancelTransposes()),
      RulePass(SinkSqueezes()),
      // Before common subexpressions: nodes on equal constants are then equal.
      ShareDuplicateWeights(),
      EliminateCommonSubexpressions(),
      EliminateDeadNodes(),
    ])
  }

  /// Functions written out in smaller operators. Before fusion, which would tear the patterns apart.
  public static func recover() -> Pipeline {
    Pipeline([
      RulePass(RecoverGelu()),
      RulePass(RecoverSwish()),
      RulePass(RecoverSoftmax()),
      RulePass(RecoverGlobalAveragePool()),
      RulePass(RecoverLayerNormalization()),
    ])
  }

  /// Weights, then epilogues.
  public static func fuse(forCodes: Bool = false) -> Pipeline {
    // On codes a convolution takes only a sum whose operands and result are codes, which is known later.
    let residual: [any Pass] = forCodes ? [] : [RulePass(FuseResidual())]
    return Pipeline([
      RulePass(FusePadIntoConv()),
      // Before bias and activation: they would stand between the weights and the factors.
      RulePass(FuseBatchNormIntoConv()),
      RulePass(FuseScaleIntoMatMul()),
      RulePass(FuseScaleIntoWeights()),
      RulePass(FuseTransposeIntoMatMul()),
      RulePass(FuseBias()),
    ])
      // Before activations: in Relu(Conv + residual) both fit. What is added behind an activation fits the next time.
      + Pipeline(residual + [RulePass(FuseActivation(forCodes: forCodes))])
  }

  /// Between the fusions: scales and transposes are then in the products, and what attention leaves can be simplified.
  public static func attention() -> Pipeline { Pipeline([RulePass(RecoverAttention())]) }

  /// Transposed convolutions in a form that has faster kernels.
  public static func transposedConvolutions(forCodes: Bool = false) -> Pipeline {
    Pipeline([RulePass(TurnPixelConvTransposeIntoMatMul()), SplitTransposedConv(narrowOnly: !forCodes)])
  }

  /// What the last fusions left.
  public static func cleanUp() -> Pipeline {
    Pipeline([ShareDuplicateWeights(), EliminateCommonSubexpressions(), EliminateDeadNodes()])
  }

  /// Weights set to zero. After the lossless passes: batch normalizations then scale the weights that are compared.
  public static func prune(_ pattern: PrunePattern, keep: [Name] = []) -> Pipeline {
    var pass = PruneWeights(pattern)
    pass.keep = keep
    return Pipeline([pass])
  }

  /// After the lossless passes, with the largest magnitude of each channel that was measured on their result: channels that
  /// one scale fits badly are evened out. What was measured does not hold afterwards.
  public static func balanced(_ plan: QuantizationPlan, magnitudes: [ValueID: [Float]]) -> Pipeline {
    Pipeline([EqualizeLayers(plan, magnitudes: magnitudes), SmoothLayers(plan, magnitudes: magnitudes)])
  }

  /// After the lossless passes, with what was measured on their result: layers on 8-bit codes.
  public static func quantized(
    _ plan: QuantizationPlan, _ weights: [NodeID: LayerWeights], _ rounded: [NodeID: RoundedWeights] = [:],
    ranges: [ValueID: ValueRange], means: [NodeID: [Double]] = [:]
  ) -> Pipeline {
    let last = weights.merging(rounded.compactMapValues(\.weights)) { _, better in better }
    return Pipeline([
      // Decided before all others, which leave those layers alone.
      ExcludeLayers(plan),
      // While the float weights are there to compare with.
      CorrectBias(plan, last, means: means),
      QuantizeWeights(plan, weights),
      RoundWeights(plan, rounded),
      QuantizeRecurrent(plan),
      QuantizeStatic(plan, ranges: ranges),
      // Where its operands have codes now.
      QuantizeAttention(plan),
      // Products that share a table have left it.
      QuantizeTables(plan),
      // Movement between two layers on codes moves the codes.
      RulePass(SinkDequantize()),
      EliminateCommonSubexpressions(),
      EliminateDeadNodes(),
      // What stayed float may still take its residual.
      RulePass(FuseResidual()),
      RulePass(FuseActivation()),
    ])
  }

  /// Weights as codes, inputs quantized by each run.
  public static func dynamic(_ plan: QuantizationPlan, _ weights: [NodeID: LayerWeights]) -> Pipeline {
    Pipeline([
      QuantizeDynamic(plan, weights), QuantizeRecurrent(plan), QuantizeTables(plan), EliminateCommonSubexpressions(),
      EliminateDeadNodes(),
    ])
  }

  /// Weights as codes, everything else in float.
  public static func weightCodes(
    _ plan: QuantizationPlan, _ weights: [NodeID: LayerWeights], _ rounded: [NodeID: RoundedWeights] = [:],
    means: [NodeID: [Double]] = [:]
  ) -> Pipeline {
    let last = weights.merging(rounded.compactMapValues(\.weights)) { _, better in better }
    return Pipeline([
      CorrectBias(plan, last, means: means), QuantizeWeights(plan, weights), RoundWeights(plan, rounded),
      QuantizeRecurrent(plan), QuantizeTables(plan), EliminateDeadNodes(),
    ])
  }

  /// One of every pass, with its default options.
  public static let allPasses: [any Pass] = {
    var passes: [any Pass] = []
    let others: [any Pass] = [PruneWeights(.magnitude(0.5)), RulePass(SinkDequantize())]
    for pass in lossless().passes + others where !passes.contains(where: { $0.name == pass.name }) {
      passes.append(pass)
    }
    return passes
  }()

  public static func pass(named name: String) -> (any Pass)? { allPasses.first { $0.name == name } }
}
