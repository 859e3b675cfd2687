import Glibc
import IR
import TestSupport
import Testing

@testable import ONNX

/// A folder with a model whose weight is external, beside `w.bin` of 16 bytes.
private struct Setting {
  let outside = TemporaryFolder()
  let folder = TemporaryFolder()

  init() {
    folder.write(Wire.raw([1, 2, 3, 4] as [Float]), "w.bin")
    outside.write(Wire.raw([1337, 1337, 1337, 1337] as [Float]), "canary.bin")
  }

  func model(_ entries: [(String, String)], dims: [Int64] = [4]) -> String {
    let graph =
      Wire.bytes(5, Proto.external("w", dims, entries)) + Wire.text(2, "g") + Wire.bytes(12, Wire.text(1, "w"))
    return folder.write(Proto.model(graph))
  }

  func tensor(_ entries: [(String, String)], dims: [Int64] = [4]) throws -> Tensor? {
    let graph = try importModel(path: model(entries, dims: dims)).graph
    return graph.constant(graph.outputs.first)
  }

  func refusal(_ entries: [(String, String)], dims: [Int64] = [4]) -> String {
    do throws(ImportError) {
      _ = try importModel(path: model(entries, dims: dims))
      return "accepted"
    } catch {
      return error.diagnostics.first?.message ?? ""
    }
  }
}

@Suite struct ExternalDataTests {
  @Test func readsFilesBesideTheModel() throws {
    let setting = Setting()
    mkdir(setting.folder.path("sub"), 0o700)
    setting.folder.write(Wire.raw([9] as [Float]), "sub/v.bin")
    #expect(try setting.tensor([("location", "w.bin")]) == Tensor([1, 2, 3, 4] as [Float]))
    let part = [("location", "w.bin"), ("offset", "4"), ("length", "8"), ("checksum", "0")]
    #expect(try setting.tensor(part, dims: [2]) == Tensor([2, 3] as [Float]))
    #expect(try setting.tensor([("location", "./sub/v.bin")], dims: [1]) == Tensor([9] as [Float]))
  }

  @Test(arguments: [
    ("../canary.bin", "the location leaves the model's folder ('..')"),
    ("sub/../../canary.bin", "the location leaves the model's folder ('..')"),
    ("..", "the location leaves the model's folder ('..')"),
    ("/etc/hostname", "the location is an absolute path"),
    ("", "the location is empty"),
    (".", "it is not a regular file"),
    ("..\\canary.bin", "the location holds a backslash"),
    ("w.bin\0x", "the location holds a NUL byte"),
    ("nope.bin", "there is no such file"),
    ("w.bin/x", "there is no such file"),
    ("file:///etc/hostname", "there is no such file"),
    ("*/_ORT_MEM_ADDR_/*", "there is no such file"),
    (String(repeating: "a", count: 5000), "the location is longer than 4096 bytes"),
  ])
  func confinesLocations(_ location: String, _ reason: String) {
    #expect(
      Setting().refusal([("location", location)]) == "initializer 'w': external data '\(Name(location))': \(reason)")
  }

  @Test func refusesLinksPipesAndDirectories() {
    let setting = Setting()
    symlink(setting.outside.path + "/canary.bin", setting.folder.path("link.bin"))
    symlink(setting.outside.path, setting.folder.path("updir"))
    link(setting.outside.path + "/canary.bin", setting.folder.path("hard.bin"))
    mkfifo(setting.folder.path("pipe.bin"), 0o600)
    mkdir(setting.folder.path("dir"), 0o700)
    let reasons = [
      "link.bin": "the location leads through a symbolic link",
      "updir/canary.bin": "the location leads through a symbolic link",
      "hard.bin": "the file has more than one hard link", "pipe.bin": "it is not a regular file",
      "dir": "it is not a regular file",
    ]
    for (name, reason) in reasons.sorted(by: { $0.key < $1.key }) {
      #expect(setting.refusal([("location", name)]) == "initializer 'w': external data '\(name)': \(reason)")
    }
  }

  @Test func allowsHardLinksWhenAsked() throws {
    let setting = Setting()
    link(setting.folder.path + "/w.bin", setting.folder.path("second.bin"))
    var options = ImportOptions()
    options.allowsHardLinks = true
    let graph = try importModel(path: setting.model([("location", "second.bin")]), options: options).graph
    #expect(graph.constant(graph.outputs.first) == Tensor([1, 2, 3, 4] as [Float]))
  }

  @Test(
    arguments: [
      ([("offset", "0")], "external data has no location"),
      ([("location", "w.bin"), ("location", "w.bin")], "external data gives 'location' twice"),
      ([("location", "w.bin"), ("basepath", "/")], "external data has the unknown key 'basepath'"),
      (
        [("location", "w.bin"), ("offset", "-4")], "external data has offset '-4', expected a decimal number below 2^64"
      ),
      (
        [("location", "w.bin"), ("offset", "0x0")],
        "external data has offset '0x0', expected a decimal number below 2^64"
      ),
      (
        [("location", "w.bin"), ("offset", "18446744073709551616")],
        "external data has offset '18446744073709551616', expected a decimal number below 2^64"
      ),
      ([("location", "w.bin"), ("offset", "")], "external data has an empty offset"),
      (
        [("location", "w.bin"), ("offset", "18446744073709551615")],
        "external data at offset 18446744073709551615 needs 16 bytes, but 'w.bin' has 16"
      ),
      ([("location", "w.bin"), ("offset", "4")], "external data at offset 4 needs 16 bytes, but 'w.bin' has 16"),
      ([("location", "w.bin"), ("length", "15")], "external data has length 15, but type and dims ask for 16 bytes"),
    ] as [([(String, String)], String)])
  func checksTheReference(_ entries: [(String, String)], _ message: String) {
    #expect(Setting().refusal(entries) == "initializer 'w': \(message)")
  }

  @Test func refusesContentsInBothPlaces() {
    let setting = Setting()
    let tensor = Proto.tensor(
      "w", 1, [1],
      Wire.bytes(9, [0, 0, 0, 0]) + Wire.bytes(13, Wire.text(1, "location") + Wire.text(2, "w.bin")) + Wire.int(14, 1))
    let graph = Wire.bytes(5, tensor) + Wire.text(2, "g") + Wire.bytes(12, Wire.text(1, "w"))
    let path = setting.folder.write(Proto.model(graph))
    #expect(throws: ImportError.self) { try importModel(path: path) }
  }
}
