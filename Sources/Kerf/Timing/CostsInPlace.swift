import Lowering

/// Costs of layers in float and on codes as the steps of the two whole models took them; all else as other costs say.
struct CostsInPlace: KernelCosts {
  let others: any KernelCosts
  let float: ModelTimes
  let quantized: ModelTimes

  func answer(_ question: KernelQuestion) -> KernelAnswer {
    let answer = others.answer(question)
    guard question.candidates.map(\.kernel) == [PrecisionCosts.float, PrecisionCosts.codes],
      let name = question.names.first, let before = float.node(name), let after = quantized.node(name)
    else { return answer }
    // Where a layer stayed float its time on codes is not known but by what it was judged to be.
    let ratio = question.candidates[1].cost / max(question.candidates[0].cost, 1)
    let codes = after.isCoded ? after.microseconds : before.microseconds * max(ratio, 1)
    let times = [before.microseconds, codes].map { ($0 * 100).rounded() / 100 }
    return KernelAnswer(winner: times[1] < times[0] ? 1 : 0, microseconds: times, source: .measured)
  }
}
