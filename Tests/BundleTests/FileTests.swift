import Bundle
import Foundation
import Testing

@Test func filesAreReplacedWhole() throws {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("kerf-\(UUID().uuidString)").path
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  let path = folder + "/model.kerf"
  let bytes = try sampleWriter().assemble()
  try AtomicFile.write([1, 2, 3], to: path)
  let old = try BundleFile(path: path)
  try AtomicFile.write(bytes, to: path)
  let new = try BundleFile(path: path)
  #expect(Array(old.bytes) == [1, 2, 3])
  #expect(Array(new.bytes) == bytes)
  withExtendedLifetime((old, new)) {}
  #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["model.kerf"])
  #expect(throws: BundleError.system("cannot open '\(folder)/none': No such file or directory")) {
    try BundleFile(path: folder + "/none")
  }
  #expect(throws: BundleError.self) { try BundleFile(path: folder) }
  #expect(throws: BundleError.self) { try BundleFile(path: "/dev/null") }
  #expect(throws: BundleError.self) { try AtomicFile.write(bytes, to: folder + "/none/model.kerf") }
  #expect(throws: BundleError.self) { try AtomicFile.write(bytes, to: folder) }
  try AtomicFile.write([], to: folder + "/empty")
  #expect(throws: BundleError.self) { try BundleFile(path: folder + "/empty") }
}
