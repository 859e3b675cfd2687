import COnnx
import IR

/// A parsed ONNX protobuf file. Tensors made from it keep it alive.
final class ProtoDocument: @unchecked Sendable {
  let file: MappedFile
  let handle: OpaquePointer

  init(_ file: MappedFile, root: kx_root, limits: ImportLimits) throws(Diagnostic) {
    var error = kx_error()
    var wire = limits.wire
    let base = file.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    guard let handle = kx_open(base, file.bytes.count, root, &wire, &error) else {
      throw .invalid(Self.text(of: &error))
    }
    self.file = file
    self.handle = handle
  }

  deinit { kx_close(handle) }

  var model: ProtoModel? { kx_document_model(handle).map { ProtoModel(pointer: $0, document: handle) } }
  var tensor: ProtoTensor? { kx_document_tensor(handle).map(ProtoTensor.init) }
  var sequence: ProtoSequence? { kx_document_sequence(handle).map(ProtoSequence.init) }
  var optional: ProtoOptional? { kx_document_optional(handle).map(ProtoOptional.init) }
  /// Bytes of structure that protobuf parsed; the rest of the file is referenced.
  var skeletonBytes: Int { kx_skeleton_bytes(handle) }

  private static func text(of error: inout kx_error) -> String {
    withUnsafeBytes(of: &error.text) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

extension kx_bytes {
  func holds(_ name: Name) -> Bool {
    UnsafeRawBufferPointer(start: data, count: count).elementsEqual(name.bytes)
  }
  var array: [UInt8] { Array(UnsafeBufferPointer(start: data, count: count)) }
  var name: Name { Name(array) }
}

/// A list read by index.
func list<T>(_ count: Int, _ element: (Int) -> T) -> [T] { (0..<count).map(element) }
