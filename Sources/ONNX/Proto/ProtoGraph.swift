import COnnx
import IR

/// Views of parsed messages; each is a pointer into its document, which must outlive it.
struct ProtoModel {
  let pointer: OpaquePointer
  let document: OpaquePointer

  var irVersion: Int64 { kx_model_ir_version(pointer) }
  var producer: Name { kx_model_producer(pointer).name }
  var producerVersion: Name { kx_model_producer_version(pointer).name }
  var graph: ProtoGraph? { kx_model_graph(pointer).map { ProtoGraph(pointer: $0, main: document) } }
  var opsets: [ProtoOpset] {
    list(kx_model_opset_count(pointer)) {
      ProtoOpset(domain: kx_model_opset_domain(pointer, $0).name, version: kx_model_opset_version(pointer, $0))
    }
  }
  var functions: [ProtoFunction] {
    list(kx_model_function_count(pointer)) { ProtoFunction(pointer: kx_model_function(pointer, $0)) }
  }
}

struct ProtoOpset {
  let domain: Name
  let version: Int64
}

struct ProtoFunction {
  let pointer: OpaquePointer

  var name: Name { kx_function_name(pointer).name }
  var domain: Name { kx_function_domain(pointer).name }
  var overload: Name { kx_function_overload(pointer).name }
  var inputs: [Name] { list(kx_function_input_count(pointer)) { kx_function_input(pointer, $0).name } }
  var outputs: [Name] { list(kx_function_output_count(pointer)) { kx_function_output(pointer, $0).name } }
  var parameters: [Name] { list(kx_function_parameter_count(pointer)) { kx_function_parameter(pointer, $0).name } }
  var nodeCount: Int { kx_function_node_count(pointer) }
  func node(_ index: Int) -> ProtoNode { ProtoNode(pointer: kx_function_node(pointer, index)) }
  var opsets: [ProtoOpset] {
    list(kx_function_opset_count(pointer)) {
      ProtoOpset(domain: kx_function_opset_domain(pointer, $0).name, version: kx_function_opset_version(pointer, $0))
    }
  }
  /// Parameters with a default value.
  func defaults(_ document: ProtoDocument) -> [ProtoAttribute] {
    list(kx_function_default_count(document.handle, pointer)) {
      ProtoAttribute(pointer: kx_function_default(document.handle, pointer, $0))
    }
  }
}

struct ProtoGraph {
  let pointer: OpaquePointer
  /// The document, where this is the model's main graph: its nodes are parsed one at a time, so that only the newest
  /// may be used.
  private let main: OpaquePointer?

  init(pointer: OpaquePointer, main: OpaquePointer? = nil) {
    self.pointer = pointer
    self.main = main
  }

  var name: Name { kx_graph_name(pointer).name }
  var nodeCount: Int { main.map { kx_document_node_count($0) } ?? kx_graph_node_count(pointer) }
  func node(_ index: Int) -> ProtoNode {
    ProtoNode(pointer: main.map { kx_document_node($0, index) } ?? kx_graph_node(pointer, index))
  }
  var initializerCount: Int { kx_graph_initializer_count(pointer) }
  func initializer(_ index: Int) -> ProtoTensor { ProtoTensor(pointer: kx_graph_initializer(pointer, index)) }
  var sparseInitializers: [ProtoSparse] {
    list(kx_graph_sparse_initializer_count(pointer)) {
      ProtoSparse(pointer: kx_graph_sparse_initializer(pointer, $0))
    }
  }
  var inputs: [ProtoValueInfo] {
    list(kx_graph_input_count(pointer)) { ProtoValueInfo(pointer: kx_graph_input(pointer, $0)) }
  }
  var outputs: [ProtoValueInfo] {
    list(kx_graph_output_count(pointer)) { ProtoValueInfo(pointer: kx_graph_output(pointer, $0)) }
  }
  var valueInfos: [ProtoValueInfo] {
    list(kx_graph_value_info_count(pointer)) { ProtoValueInfo(pointer: kx_graph_value_info(pointer, $0)) }
  }
}

struct ProtoNode {
  let pointer: OpaquePointer

  var name: Name { kx_node_name(pointer).name }
  var operatorName: Name { kx_node_operator(pointer).name }
  var domain: Name { kx_node_domain(pointer).name }
  var overload: Name { kx_node_overload(pointer).name }
  /// Whether operator and domain are these, the default domain being the empty one.
  func isCalled(_ name: Name, domain: Name) -> Bool {
    let given = kx_node_domain(pointer)
    guard kx_node_operator(pointer).holds(name) else { return false }
    return given.holds(domain) || (domain.isEmpty && given.holds(OpsetTable.longDefault))
  }
  var inputCount: Int { kx_node_input_count(pointer) }
  func input(_ index: Int) -> Name { kx_node_input(pointer, index).name }
  var inputs: [Name] { list(inputCount) { kx_node_input(pointer, $0).name } }
  var outputs: [Name] { list(kx_node_output_count(pointer)) { kx_node_output(pointer, $0).name } }
  var attributes: [ProtoAttribute] {
    list(kx_node_attribute_count(pointer)) { ProtoAttribute(pointer: kx_node_attribute(pointer, $0)) }
  }
  /// Graphs among the attributes.
  var subgraphs: [ProtoGraph] { attributes.flatMap(\.subgraphs) }
}

struct ProtoAttribute {
  let pointer: OpaquePointer

  var name: Name { kx_attribute_name(pointer).name }
  /// The function parameter it stands for; empty when it holds a value itself.
  var reference: Name { kx_attribute_reference(pointer).name }
  /// AttributeProto.AttributeType.
  var type: Int { Int(kx_attribute_type(pointer)) }
  /// Bit n is set when the field of AttributeType n is present.
  var fields: UInt32 { kx_attribute_fields(pointer) }
  var float: Float { kx_attribute_float(pointer) }
  var int: Int64 { kx_attribute_int(pointer) }
  var string: [UInt8] { kx_attribute_string(pointer).array }
  var tensor: ProtoTensor { ProtoTensor(pointer: kx_attribute_tensor(pointer)) }
  var graph: ProtoGraph { ProtoGraph(pointer: kx_attribute_graph(pointer)) }
  var sparse: ProtoSparse { ProtoSparse(pointer: kx_attribute_sparse(pointer)) }
  var typeProto: ProtoType { ProtoType(pointer: kx_attribute_type_proto(pointer)) }
  var floats: [Float] {
    Array(UnsafeBufferPointer(start: kx_attribute_floats(pointer), count: kx_attribute_float_count(pointer)))
  }
  var ints: [Int64] {
    Array(UnsafeBufferPointer(start: kx_attribute_ints(pointer), count: kx_attribute_int_count(pointer)))
  }
  var strings: [[UInt8]] {
    list(kx_attribute_string_count(pointer)) { kx_attribute_string_at(pointer, $0).array }
  }
  var tensors: [ProtoTensor] {
    list(kx_attribute_tensor_count(pointer)) { ProtoTensor(pointer: kx_attribute_tensor_at(pointer, $0)) }
  }
  var subgraphs: [ProtoGraph] {
    let single = fields & (1 << 5) != 0 ? [graph] : []
    return single
      + list(kx_attribute_graph_count(pointer)) { ProtoGraph(pointer: kx_attribute_graph_at(pointer, $0)) }
  }
}

struct ProtoValueInfo {
  let pointer: OpaquePointer

  var name: Name { kx_value_info_name(pointer).name }
  var type: ProtoType? { kx_value_info_type(pointer).map(ProtoType.init) }
}

struct ProtoType {
  let pointer: OpaquePointer

  var kind: kx_type_kind { kx_type_case(pointer) }
  var element: Int32 { kx_type_element(pointer) }
  var inner: ProtoType? { kx_type_inner(pointer).map(ProtoType.init) }
  var hasShape: Bool { kx_type_has_shape(pointer) }
  var rank: Int { kx_type_rank(pointer) }
  func dimKind(_ index: Int) -> kx_dim_kind { kx_type_dim_kind(pointer, index) }
  func dimValue(_ index: Int) -> Int64 { kx_type_dim_value(pointer, index) }
  func dimSymbol(_ index: Int) -> [UInt8] { kx_type_dim_symbol(pointer, index).array }
}
