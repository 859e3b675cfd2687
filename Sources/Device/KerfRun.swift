// kerf-run: runs a bundle on arrays. Built as Embedded Swift together with Bundle and Runtime by
// scripts/build-device.sh.

import Bundle
import CSystem
import Runtime

private let usage = """
  usage: kerf-run [--threads N] [--repeat N] BUNDLE OUTDIR INPUT.npy…
    Runs the model in BUNDLE on the inputs, in their order, and writes OUTDIR/output_0.npy, output_1.npy, …
    --threads N  threads to use (1)
    --repeat N   runs N times and prints the shortest and the median time

  """

private struct Arguments {
  var threads = 1
  var runs = 1
  var isTimed = false
  var paths: [String] = []

  /// Nil for wrong usage.
  init?(_ list: [String]) {
    var index = 0
    while index < list.count {
      let isThreads = same(list[index], "--threads")
      if isThreads || same(list[index], "--repeat") {
        guard index + 1 < list.count, let number = number(list[index + 1]) else { return nil }
        if isThreads { threads = number } else { runs = number }
        isTimed = isTimed || !isThreads
        index += 2
      } else {
        if list[index].utf8.first == UInt8(ascii: "-") { return nil }
        paths.append(list[index])
        index += 1
      }
    }
    guard paths.count >= 2 else { return nil }
  }
}

private func same(_ a: String, _ b: String) -> Bool { [UInt8](a.utf8) == [UInt8](b.utf8) }

/// A decimal number from 1 to 999,999.
private func number(_ text: String) -> Int? {
  var value = 0
  for byte in text.utf8 {
    guard byte >= 48, byte <= 57, value < 100_000 else { return nil }
    value = value * 10 + Int(byte - 48)
  }
  return value > 0 ? value : nil
}

private func write(_ text: String, to descriptor: Int32) {
  let bytes = [UInt8](text.utf8)
  bytes.withUnsafeBufferPointer { csystem_print(descriptor, $0.baseAddress, UInt64($0.count)) }
}

private func open(_ path: String) throws(RuntimeError) -> BundleFile {
  do throws(BundleError) {
    return try BundleFile(path: path)
  } catch { throw .bundle(error) }
}

private func run(_ arguments: Arguments) throws(RuntimeError) {
  var options = ModelOptions()
  options.threads = arguments.threads
  let model = try Model(path: arguments.paths[0], options: options)
  var arrays: [NpyArray] = []
  for path in arguments.paths[2...] { arrays.append(try NpyArray(try open(path))) }
  let context = Context(model)
  let views = arrays.map { $0.view }
  var times: [UInt64] = []
  for _ in 0..<arguments.runs {
    let begin = Context.now
    try context.run(views)
    times.append(Context.now - begin)
  }
  try writeOutputs(context, folder: arguments.paths[1])
  if arguments.isTimed {
    times.sort()
    write(
      "min \(times[0] / 1000) us, median \(times[times.count / 2] / 1000) us, arena \(context.arenaBytes) bytes, "
        + "weights \(model.weightBytes) bytes\n", to: 1)
  }
  withExtendedLifetime(arrays) {}
}

private func writeOutputs(_ context: Context, folder: String) throws(RuntimeError) {
  let name = [UInt8](folder.utf8) + [0]
  _ = name.withUnsafeBytes { csystem_make_folder($0.baseAddress?.assumingMemoryBound(to: CChar.self)) }
  for index in context.model.outputs.indices {
    guard let view = context.tensor(index) else { throw .host("output \(index) is not a tensor") }
    let bytes = try NpyArray.encode(view)
    do throws(BundleError) {
      try AtomicFile.write(bytes, to: folder + "/output_\(index).npy")
    } catch { throw .bundle(error) }
  }
}

/// The entry point: exit code 0, 1 for an error, 64 for wrong usage.
@_cdecl("main")
public func kerfRun(_ count: Int32, _ values: UnsafePointer<UnsafePointer<CChar>?>) -> Int32 {
  var list: [String] = []
  for index in 1..<max(1, Int(count)) {
    guard let value = values[index] else { break }
    var bytes: [UInt8] = []
    while value[bytes.count] != 0 { bytes.append(UInt8(bitPattern: Int8(truncatingIfNeeded: value[bytes.count]))) }
    list.append(String(decoding: bytes, as: UTF8.self))
  }
  guard let arguments = Arguments(list) else {
    write(usage, to: 2)
    return 64
  }
  do throws(RuntimeError) {
    try run(arguments)
    return 0
  } catch {
    write("error: \(error.description)\n", to: 2)
    return 1
  }
}
