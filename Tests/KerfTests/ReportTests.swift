import Foundation
import Reports
import Testing

@Suite struct ReportTests {
  @Test(arguments: [0, 1, 4, 5, 6]) func layersInPiecesAreTheSameJSON(count: Int) throws {
    var report = CompileReport(
      kerfVersion: "1", source: .init(file: "\"layers\":[]", sha256: "", opset: 17), target: "portable")
    report.layers = (0..<count).map {
      LayerReport(
        name: "layer/\($0)", operator: "Conv", kernel: "conv2d_f32", precision: "f32", sparsity: 0.25, bits: 32,
        weightBytes: $0)
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    #expect(try report.stored(layersAtATime: 2) == [UInt8](try encoder.encode(report)))
  }
}
