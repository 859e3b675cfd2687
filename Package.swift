// swift-tools-version: 6.2
import PackageDescription

// A warning is an error, in every language.
let swift: [SwiftSetting] = [.enableUpcomingFeature("ExistentialAny"), .treatAllWarnings(as: .error)]
let c: [CSetting] = [.enableWarning("all"), .treatAllWarnings(as: .error)]
let cxx: [CXXSetting] = [.enableWarning("all"), .treatAllWarnings(as: .error)]

#if arch(arm64)
  let arch = "aarch64"
#else
  let arch = "x86_64"
#endif

// Sanitizers cannot be linked into a program that needs no other file.
let alone: [LinkerSetting] =
  Context.environment["KERF_SANITIZER"] == nil
  ? [.unsafeFlags(["-Xclang-linker", "-static"], .when(configuration: .release))] : []

/// A target of ours and its tests.
func library(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, path: path, swiftSettings: swift)
}
func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: swift)
}

let package = Package(
  name: "Kerf",
  products: [
    .library(name: "Kerf", targets: ["Kerf"]),
    .library(name: "CKerf", targets: ["CKerf"]),
    .executable(name: "kerf", targets: ["KerfCLI"]),
    .executable(name: "kerf-run", targets: ["KerfRun"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.4.0"),
  ],
  targets: [
    // Archives in the order in which they need each other: a shared libtiff would load 15 more libraries at every start.
    .target(
      name: "CImages",
      linkerSettings: [
        "tiff", "jpeg", "png", "webp", "openjp2", "zstd", "lzma", "jbig", "Lerc", "deflate",
      ].map { .linkedLibrary(":lib\($0).a") } + [.linkedLibrary("z"), .linkedLibrary("stdc++")]),
    library("IR", path: "IR", ["CImages"]),
    library("Passes", path: "Passes", ["IR"]),
    .target(
      name: "COnnx", exclude: ["function_bodies.onnx"], cSettings: c,
      cxxSettings: cxx + [.define("ONNX_ML", to: "1"), .define("ONNX_NAMESPACE", to: "onnx")],
      linkerSettings: [.linkedLibrary("onnx_proto"), .linkedLibrary("protobuf")]),
    library("ONNX", ["COnnx", "IR"]),
    .target(name: "CSystem", cSettings: c),
    .target(name: "CKerf", cSettings: c),
    .target(name: "CZlib", cSettings: c, linkerSettings: [.linkedLibrary("z")]),
    library("Bundle", ["CSystem"]),
    .target(
      name: "Kernels", exclude: ["README.md", "core/kernels.def"], cSettings: c, linkerSettings: [.linkedLibrary("m")]),
    library("Runtime", ["Bundle", "Kernels", "CSystem"]),
    library("Lowering", ["IR", "Bundle", "Kernels"]),
    library("Calibration", ["IR", "Passes", "Lowering", "Bundle", "Runtime"]),
    library("Reports", ["IR", "Passes", "Bundle", .product(name: "Mustache", package: "swift-mustache")]),
    library(
      "Kerf",
      [
        "IR", "Passes", "ONNX", "Bundle", "Kernels", "Runtime", "Lowering", "Calibration", "Reports", "CKerf",
        "CSystem",
        "CZlib",
      ]),

    // kerf-run, the runner for devices and for `kerf bench`: Bundle and Runtime (links beside Device's own sources)
    // compiled once more, as Embedded Swift, into one module; "Nothing" stands in for what they import from each other.
    .target(name: "Nothing", cSettings: c),
    .target(
      name: "Device", dependencies: ["Nothing", "Kernels", "CSystem"],
      swiftSettings: swift + [
        .enableExperimentalFeature("Embedded"),
        .unsafeFlags(["-wmo", "-module-alias", "Bundle=NoBundle", "-module-alias", "Runtime=NoRuntime"]),
      ]),
    .executableTarget(
      name: "KerfRun", dependencies: ["Device"], exclude: ["order.txt"], cSettings: c,
      linkerSettings: [
        .linkedLibrary(":../embedded/\(arch)-unknown-linux-gnu/libswiftUnicodeDataTables.a"),
        .unsafeFlags([
          "-enable-experimental-feature", "Embedded", "-use-ld=lld",
          "-Xlinker", "--symbol-ordering-file=\(Context.packageDirectory)/Sources/KerfRun/order.txt",
          "-Xlinker", "--no-warn-symbol-ordering",
        ]),
      ] + alone),

    .executableTarget(
      name: "KerfCLI",
      dependencies: [
        "Kerf", .product(name: "ArgumentParser", package: "swift-argument-parser"), "Yams",
      ],
      swiftSettings: swift),

    // The sample's own package is for users to copy; here it is built and run with the tests.
    .executableTarget(
      name: "CustomOperator", dependencies: ["Kerf"], path: "Samples/custom-operator/Sources/CustomOperator",
      swiftSettings: swift),
    .target(name: "TestSupport", dependencies: ["IR"], path: "Tests/TestSupport", swiftSettings: swift),
    tests("IRTests", ["IR", "TestSupport"]),
    tests("PassesTests", ["Passes", "IR", "TestSupport"], exclude: ["Golden"]),
    tests("CalibrationTests", ["Calibration", "IR", "Passes"]),
    tests("ONNXTests", ["ONNX", "COnnx", "IR", "TestSupport"]),
    .target(name: "FaultInjection", path: "Tests/FaultInjection", cSettings: c),
    tests("BundleTests", ["Bundle", "CSystem", "FaultInjection"]),
    tests("KernelsTests", ["Kernels"]),
    .target(name: "AllocationCounter", path: "Tests/AllocationCounter", cSettings: c),
    tests("RuntimeTests", ["Runtime", "Bundle", "Kernels", "CSystem", "AllocationCounter"]),
    tests("LoweringTests", ["Lowering", "IR", "Bundle", "Kernels", "Runtime", "TestSupport"]),
    tests(
      "KerfTests",
      ["Kerf", "IR", "Passes", "ONNX", "Runtime", "Bundle", "Lowering", "Reports", "CKerf", "TestSupport"]),
    tests("KerfCLITests", ["KerfCLI", "TestSupport"], exclude: ["Help"]),
  ],
  cxxLanguageStandard: .cxx17
)

// Only where scripts/fuzz.sh asks for it: it needs libFuzzer.
if Context.environment["KERF_FUZZ"] != nil {
  package.products.append(.executable(name: "kerf-fuzz", targets: ["Fuzz"]))
  package.targets.append(
    .executableTarget(
      name: "Fuzz", dependencies: ["IR", "Passes", "ONNX", "COnnx", "Bundle", "Kernels", "Runtime"], path: "Tests/Fuzz",
      swiftSettings: swift, linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address"])]))
}
