import IR
import Runtime
import Synchronization

/// A value that only host calls understand, as the reference evaluation holds it.
final class DatumValue: HostValue, @unchecked Sendable {
  let datum: Datum
  init(_ datum: Datum) { self.datum = datum }
}

/// Evaluates host calls by the reference meaning of their operators.
final class ReferenceProvider: HostProvider, @unchecked Sendable {
  /// Calls parsed so far, by site.
  private let parsed = Mutex<[Int: Graph]>([:])
  /// Bytes one result may take.
  private let maximumBytes: Int

  init(maximumBytes: Int = 1 << 32) { self.maximumBytes = maximumBytes }

  override func evaluate(_ call: HostCall, inputs: [HostArgument]) throws(RuntimeError) -> [HostResult] {
    let results: [Datum]
    let graph: Graph
    do throws(Diagnostic) {
      graph = try self.graph(call)
      var data: [Datum] = []
      for (input, id) in zip(inputs.filter { if case .absent = $0 { false } else { true } }, graph.inputs) {
        data.append(try datum(input, graph.type(id)))
      }
      results = try graph.evaluate(data, EvaluationContext(outputCount: 0, maximumBytes: maximumBytes))
    } catch {
      throw .host(error.message)
    }
    var answers: [HostResult] = []
    for (result, name) in zip(results, graph.outputNames) {
      if name == "tensor", let tensor = result.tensor {
        answers.append(.tensor(type: tensor.type.rawValue, dims: tensor.shape, bytes: [UInt8](tensor.bytes)))
      } else {
        answers.append(.host(DatumValue(result)))
      }
    }
    return answers
  }

  private func graph(_ call: HostCall) throws(Diagnostic) -> Graph {
    if let known = parsed.withLock({ $0[call.site] }) { return known }
    let graph = try Graph(parsing: String(decoding: call.text, as: UTF8.self))
    parsed.withLock { $0[call.site] = graph }
    return graph
  }

  private func datum(_ argument: HostArgument, _ type: ValueType) throws(Diagnostic) -> Datum {
    switch argument {
    case .tensor(let view):
      guard let tensor = Tensor(view) else { throw .invalid("a host call got a tensor of an unknown type") }
      return .tensor(tensor)
    case .host(let value):
      guard let value = value as? DatumValue else { throw .invalid("a host call got a value of another host") }
      return value.datum
    case .absent: throw .invalid("a host call got no value for an input")
    }
  }
}

extension Tensor {
  /// A copy of what a runtime tensor shows; nil for a type the IR does not have.
  init?(_ view: TensorView) {
    guard let type = ElementType(rawValue: view.type) else { return nil }
    let bytes = view.bytes
    let storage = TensorStorage(byteCount: bytes.count) { if bytes.count > 0 { $0.copyMemory(from: bytes) } }
    self.init(type, view.dims, storage: storage)
  }
}

/// The element types of tensors on the host.
public typealias ElementType = IR.ElementType
/// A tensor on the host.
public typealias Tensor = IR.Tensor
/// What a model takes and gives: a tensor, sequence, optional or map.
public typealias Datum = IR.Datum
