import Foundation
import IR
import Testing

@testable import Kerf

@Suite struct OutputFilesTests {
  @Test func moreFilesThanAnyoneReads() throws {
    let folder = NSTemporaryDirectory() + "kerf-outputs-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let one = Datum.tensor(Tensor([Float(1), 2]))
    #expect(try OutputFiles.write([one, one], to: folder) == [folder + "/output_0.npy", folder + "/output_1.npy"])
    let error = try #require(
      #expect(throws: KerfError.self) { try OutputFiles.write(Array(repeating: one, count: 4097), to: folder) })
    #expect(error.message == "the model has 4097 outputs, at most 4096 are written as files")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 2)
  }
}
