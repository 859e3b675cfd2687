import COnnx
import Glibc
import IR

/// Files beside the model that hold weights. Each is opened once, confined to the model's folder, and mapped.
final class ExternalData {
  private let directory: String
  private let allowsHardLinks: Bool
  private var descriptor: Int32 = -1
  private var files: [Name: MappedFile] = [:]

  /// `directory` is the model's folder, or another root the user named.
  init(directory: String, allowsHardLinks: Bool = false) {
    self.directory = directory
    self.allowsHardLinks = allowsHardLinks
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Bytes of an external tensor: exactly `byteCount`, inside the file. Throws what is wrong with the reference.
  func storage(_ tensor: ProtoTensor, byteCount: Int) throws(Diagnostic) -> TensorStorage {
    let reference = try ExternalReference(tensor)
    if let length = reference.length, length != UInt64(byteCount) {
      throw .invalid("external data has length \(length), but type and dims ask for \(byteCount) bytes")
    }
    let file = try open(reference.location)
    let size = UInt64(file.bytes.count)
    guard UInt64(byteCount) <= size, reference.offset <= size - UInt64(byteCount) else {
      throw .invalid(
        "external data at offset \(reference.offset) needs \(byteCount) bytes, but '\(reference.location)' has \(size)")
    }
    let start = Int(reference.offset)
    return TensorStorage(
      bytes: UnsafeRawBufferPointer(rebasing: file.bytes[start..<(start + byteCount)]), owner: file, isFile: true)
  }

  private func open(_ location: Name) throws(Diagnostic) -> MappedFile {
    if let file = files[location] { return file }
    if descriptor < 0 {
      descriptor = Glibc.open(directory.isEmpty ? "." : directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      guard descriptor >= 0 else {
        throw .invalid("cannot open the folder of external data: \(String(cString: strerror(errno)))")
      }
    }
    let opened = location.bytes.withUnsafeBufferPointer {
      kx_open_confined(descriptor, $0.baseAddress, $0.count, allowsHardLinks)
    }
    if let refusal = opened.refusal {
      throw .invalid("external data '\(location)': \(String(cString: refusal))")
    }
    guard let file = MappedFile(descriptor: opened.descriptor, size: Int(opened.size)) else {
      throw .invalid("external data '\(location)': cannot map the file: \(String(cString: strerror(errno)))")
    }
    files[location] = file
    return file
  }
}

/// The external_data entries of a tensor: known keys, each at most once.
struct ExternalReference {
  var location = Name("")
  var offset: UInt64 = 0
  var length: UInt64?

  init(_ tensor: ProtoTensor) throws(Diagnostic) {
    var seen: [Name] = []
    for index in 0..<tensor.externalCount {
      let (key, value) = tensor.externalEntry(index)
      guard !seen.contains(key) else { throw .invalid("external data gives '\(key)' twice") }
      switch key {
      case "location": location = Name(value)
      case "offset": offset = try Self.number(value, "offset")
      case "length": length = try Self.number(value, "length")
      case "checksum": break
      default: throw .invalid("external data has the unknown key '\(key)'")
      }
      seen.append(key)
    }
    guard seen.contains("location") else { throw .invalid("external data has no location") }
  }

  /// Plain decimal digits.
  private static func number(_ text: [UInt8], _ what: String) throws(Diagnostic) -> UInt64 {
    var value: UInt64 = 0
    for byte in text {
      let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = scaled.addingReportingOverflow(UInt64(byte) &- 48)
      guard (48...57).contains(byte), !overflow, !carry else {
        throw .invalid("external data has \(what) '\(Name(text))', expected a decimal number below 2^64")
      }
      value = sum
    }
    guard !text.isEmpty else { throw .invalid("external data has an empty \(what)") }
    return value
  }
}
