import ArgumentParser
import Foundation
import Kerf

/// `--json`.
struct JSONOption: ParsableArguments {
  @Flag(name: .long, help: "Print one JSON object and nothing else on standard output.")
  var json = false
}

/// `--quiet` and `--verbose`.
struct VerbosityOptions: ParsableArguments {
  @Flag(name: .long, help: "No progress and no summary.")
  var quiet = false

  @Flag(name: .long, help: "Say what is done, step by step, on standard error.")
  var verbose = false

  func validate() throws {
    if quiet && verbose { throw ValidationError("--quiet and --verbose exclude each other") }
  }

  /// Where the steps of compiling, pruning and quantizing are told.
  var log: (@Sendable (String) -> Void)? {
    guard verbose else { return nil }
    return { Console.line($0) }
  }

  /// Does one step of a command: a terminal shows that it runs and how far it is, and `--verbose` how long it took.
  /// - Parameter label: what is done, with the names of the files.
  func step<Result>(_ label: String, _ body: (Progress) throws -> Result) rethrows -> Result {
    let label = printable(label)
    let progress = Progress(label, quiet: quiet)
    progress.show(label, nil)
    defer { progress.finish() }
    let clock = ContinuousClock()
    let start = clock.now
    let result = try body(progress)
    if verbose {
      Console.line("\(label): \(Format.milliseconds(Benchmark.milliseconds(start.duration(to: clock.now))))")
    }
    return result
  }
}

/// `--threads`.
struct ThreadOptions: ParsableArguments {
  @Option(name: .long, help: ArgumentHelp("Threads to use. Default: the physical cores.", valueName: "n"))
  var threads: Int?

  /// The number to use.
  var count: Int { threads ?? PhysicalCores.count }

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads is \(threads), must be in 1...1024")
    }
  }
}

/// `--inputs`.
struct InputOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "Input values: FILE.npy or FILE.pb for a model with one input, FILE.npz with arrays named as the inputs, a folder "
        + "with input_0.npy, input_1.npy, … or NAME.npy, or NAME=FILE. Repeatable.", valueName: "path"),
    completion: .file())
  var inputs: [String] = []

  /// A value for every input: what `--inputs` names, or generated ones where it is not given.
  func values(for session: Session) throws -> [Datum?] {
    inputs.isEmpty ? try session.generatedInputs() : try InputFiles.loadAll(inputs, for: session.inputs)
  }
}

/// `--custom-operators`.
struct CustomOperatorOptions: ParsableArguments {
  @Option(
    name: .customLong("custom-operators"),
    help: ArgumentHelp(
      "Shared library with operators of your own, built against kerf_custom_operator.h. Repeatable.",
      valueName: "library"), completion: .file(extensions: ["so"]))
  var libraries: [String] = []

  /// Makes the operators known.
  func load() throws { for library in libraries { try CustomOperators.load(path: library) } }
}

/// `--strict` of commands that use a model.
struct StrictOption: ParsableArguments {
  @Flag(name: .long, help: "Refuse models of which a part has no kernel and runs by reference evaluation.")
  var strict = false

  /// Refuses a bundle whose compilation warned, or an ONNX model whose compilation would.
  func check(_ path: String, _ options: CompileOptions = CompileOptions()) throws {
    guard strict else { return }
    if path.hasSuffix(".onnx") {
      var options = options
      options.strict = true
      _ = try Compiler.compile(path: path, options: options)
    } else if let first = try BundleContents.report(path: path).warnings.first {
      throw KerfError("--strict: \(path): \(first)")
    }
  }
}

/// How a model is opened, for commands that run one.
struct OpeningOptions: ParsableArguments {
  @OptionGroup var custom: CustomOperatorOptions
  @OptionGroup var strictness: StrictOption
  @OptionGroup var threads: ThreadOptions

  /// - Parameter maxMemory: bytes that arena and buffers may take.
  func open(_ path: String, _ verbosity: VerbosityOptions, maxMemory: Int? = nil) throws -> OpenedModel {
    try custom.load()
    var options = SessionOptions(threads: threads.count)
    options.maxMemory = maxMemory
    options.compile.log = verbosity.log
    let isModel = path.hasSuffix(".onnx")
    options.compile.strict = strictness.strict
    let opened = try verbosity.step("\(isModel ? "compile" : "open") \(path)") { progress in
      options.compile.progress = { progress.show($0, $1) }
      return try OpenedModel(path, options, strict: strictness.strict)
    }
    for warning in opened.session.warnings { Console.warning(warning) }
    return opened
  }
}

/// Cores that this process may use, two threads of one core counted once.
enum PhysicalCores {
  static let count: Int = {
    let logical = max(1, ProcessInfo.processInfo.activeProcessorCount)
    var cores: Set<String> = []
    for cpu in 0..<logical {
      let folder = "/sys/devices/system/cpu/cpu\(cpu)/topology/"
      guard let core = try? String(contentsOfFile: folder + "core_id", encoding: .utf8),
        let package = try? String(contentsOfFile: folder + "physical_package_id", encoding: .utf8)
      else { return logical }
      cores.insert(package + core)
    }
    return max(1, min(cores.count, logical))
  }()
}

/// A model opened with the time that took.
struct OpenedModel {
  let session: Session
  let loadMilliseconds: Double

  /// - Parameter strict: refuse what has no kernel.
  init(_ path: String, _ options: SessionOptions, strict: Bool) throws {
    let clock = ContinuousClock()
    let start = clock.now
    session = try Session(path: path, options: options)
    loadMilliseconds = Benchmark.milliseconds(start.duration(to: clock.now))
    let fallbacks = strict ? session.fallbacks : []
    guard fallbacks.isEmpty else {
      throw KerfError(
        "--strict: \(fallbacks.count) nodes run by reference evaluation, which is slow",
        notes: Array(fallbacks.prefix(8)))
    }
  }
}
