import COnnx
import IR

/// Imports one model file. Holds what all graphs of the file share.
final class ModelImporter {
  let document: ProtoDocument
  let options: ImportOptions
  let tensors: TensorReader
  let functions: FunctionTable
  let opsets: OpsetTable
  let operators = OperatorTable()
  var findings = Findings()
  /// Nodes that may still be imported; bodies that are imported again for wider types count again.
  private var remainingNodes: Int
  private var expandedNodes: [String] = []
  /// Reads the tensors of ONNX's definitions.
  private var definitions: TensorReader?
  private let model: ProtoModel
  private let proto: ProtoGraph

  static let newestIRVersion: Int64 = 14

  init(_ document: ProtoDocument, directory: String, options: ImportOptions) throws(Diagnostic) {
    self.document = document
    self.options = options
    remainingNodes = options.limits.nodes
    let external = ExternalData(directory: directory, allowsHardLinks: options.allowsHardLinks)
    tensors = TensorReader(document, external: external, limits: options.limits)
    guard let model = document.model else { throw .invalid("the file is not an ONNX model") }
    self.model = model
    guard model.irVersion >= 1, model.irVersion <= Self.newestIRVersion else {
      throw .invalid("ir_version is \(model.irVersion), accepted range is 1...\(Self.newestIRVersion)")
    }
    guard let proto = model.graph else { throw .invalid("the model has no graph") }
    self.proto = proto
    opsets = try OpsetTable(model.opsets, irVersion: Int(model.irVersion))
    guard !opsets.isEmpty else { throw .invalid("the model imports no opset") }
    functions = try FunctionTable(model, document)
    // Without functions the scan of the file has counted.
    let count = functions.isEmpty ? 0 : try functions.inlinedNodeCount(proto, limit: options.limits.nodes)
    guard count <= options.limits.nodes else {
      throw .invalid("with its functions inlined the model has more than \(options.limits.nodes) nodes")
    }
  }

  /// The model as a graph. Throws everything that is wrong with it, together.
  func run() throws(ImportError) -> ImportedModel {
    var scan = SupportScan(functions: functions, operators: operators, findings: findings)
    scan.visit(proto)
    for function in functions.inOrder { scan.visit(function) }
    findings = scan.findings
    let builder = GraphBuilder(self, depth: 0, name: proto.name)
    let isComplete = builder.buildMain(proto, opsets)
    guard findings.isEmpty, isComplete else { throw findings.error }
    return ImportedModel(
      graph: builder.graph, irVersion: Int(model.irVersion), opset: opsets.version(of: "") ?? 0,
      producer: model.producer, producerVersion: model.producerVersion, fileBytes: document.file.bytes.count,
      structureBytes: document.skeletonBytes, expandedNodes: expandedNodes)
  }

  /// What reads the tensors of a function: one of the model, or one of ONNX's definitions.
  func tensors(of function: LocalFunction) -> TensorReader {
    function.document === document ? tensors : definitionTensors(function.document)
  }

  private func definitionTensors(_ document: ProtoDocument) -> TensorReader {
    if let known = definitions { return known }
    let reader = TensorReader(document, external: ExternalData(directory: "."), limits: options.limits)
    definitions = reader
    return reader
  }

  /// Keeps in mind a node that is expanded for want of a form of its own.
  func noteExpansion(of node: ProtoNode, isNative: Bool, _ name: Name) {
    if !isNative { expandedNodes.append("\(SupportScan.operatorLabel(node)) '\(name)'") }
  }

  /// Takes one node off the limit; false, and reported once, when it is used up.
  func takeNode() -> Bool {
    remainingNodes -= 1
    if remainingNodes == -1 { findings.add(.invalid("importing takes more than \(options.limits.nodes) nodes")) }
    return remainingNodes >= 0
  }
}

/// Imports the ONNX model at `path`. Weights are referenced in the mapped file, not copied. Throws everything that is
/// wrong with the model, together.
public func importModel(path: String, options: ImportOptions = ImportOptions()) throws(ImportError) -> ImportedModel {
  let importer: ModelImporter
  do throws(Diagnostic) {
    let file = try MappedFile.open(path, limit: options.limits.fileBytes)
    let document = try ProtoDocument(file, root: KX_MODEL, limits: options.limits)
    let directory = options.externalRoot ?? folder(of: path)
    importer = try ModelImporter(document, directory: directory, options: options)
  } catch {
    throw ImportError(error)
  }
  return try importer.run()
}

private func folder(of path: String) -> String {
  guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
  return slash == path.utf8.startIndex ? "/" : String(path[..<slash])
}
