// kerf-run: runs a bundle on arrays. Embedded Swift, one module with the sources of Bundle and Runtime.

import Bundle
import CSystem
import Runtime

private let usage = """
  usage: kerf-run [--threads N] BUNDLE OUTDIR INPUT.npy…
         kerf-run --bench MS [--threads N] BUNDLE INPUT.npy…
    Runs the model in BUNDLE on the inputs, in their order, and writes OUTDIR/output_0.npy, output_1.npy, …
    --threads N  threads to use (1)
    --bench MS   runs for that many milliseconds and prints latency, load time and memory as JSON instead

  """

private struct Arguments {
  var threads = 1
  /// Milliseconds to measure; nil to run once.
  var bench: Int?
  var bundle = ""
  var folder = ""
  var inputs: ArraySlice<String> = []

  /// Nil for wrong usage.
  init?(_ list: [String]) {
    var paths: [String] = []
    var index = 0
    while index < list.count {
      let isThreads = same(list[index], "--threads")
      if isThreads || same(list[index], "--bench") {
        guard index + 1 < list.count, let number = number(list[index + 1]) else { return nil }
        if isThreads { threads = number } else { bench = number }
        index += 2
      } else {
        if list[index].utf8.first == UInt8(ascii: "-") { return nil }
        paths.append(list[index])
        index += 1
      }
    }
    guard paths.count >= (bench == nil ? 2 : 1) else { return nil }
    bundle = paths[0]
    if bench == nil { folder = paths[1] }
    inputs = paths[(bench == nil ? 2 : 1)...]
  }
}

private func same(_ a: String, _ b: String) -> Bool { [UInt8](a.utf8) == [UInt8](b.utf8) }

/// A decimal number from 1 to 999,999,999.
private func number(_ text: String) -> Int? {
  var value = 0
  for byte in text.utf8 {
    guard byte >= 48, byte <= 57, value < 100_000_000 else { return nil }
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
  let start = Context.now
  let model = try Model(path: arguments.bundle, options: options)
  let context = Context(model)
  let load = Context.now &- start
  var arrays: [NpyArray] = []
  for path in arguments.inputs { arrays.append(try NpyArray(try open(path))) }
  let views = arrays.map { $0.view }
  if let milliseconds = arguments.bench {
    csystem_end_with_parent()
    let latency = try Latency(nanoseconds: UInt64(milliseconds) * 1_000_000) { () throws(RuntimeError) in
      try context.run(views)
    }
    write(figures(arguments, context, load: load, latency), to: 1)
  } else {
    try context.run(views)
    try writeOutputs(context, folder: arguments.folder)
  }
  withExtendedLifetime(arrays) {}
}

/// The JSON of `kerf bench`, whose caller fills in the model's name.
private func figures(_ arguments: Arguments, _ context: Context, load: UInt64, _ latency: Latency) -> String {
  func quantile(_ fraction: Double) -> String { decimal(UInt64(latency.quantile(fraction))) }
  return
    "{\"model\": \"\", \"threads\": \(arguments.threads), \"runs\": \(latency.runs), \"median_ms\": \(quantile(0.5)), "
    + "\"min_ms\": \(quantile(0)), \"p90_ms\": \(quantile(0.9)), \"p99_ms\": \(quantile(0.99)), "
    + "\"first_ms\": \(decimal(latency.first)), \"load_ms\": \(decimal(load)), "
    + "\"peak_rss_bytes\": \(csystem_peak_resident()), \"arena_bytes\": \(context.arenaBytes), "
    + "\"weights_bytes\": \(context.model.weightBytes), \"isa\": \"\(context.model.isaName)\"}\n"
}

/// Nanoseconds as milliseconds, all digits.
private func decimal(_ nanoseconds: UInt64) -> String {
  var digits = "\(nanoseconds % 1_000_000)"
  while digits.utf8.count < 6 { digits = "0" + digits }
  return "\(nanoseconds / 1_000_000)." + digits
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
@_cdecl("kerf_run")
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
