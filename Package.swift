// swift-tools-version: 6.1
import PackageDescription

let swift: [SwiftSetting] = [.enableUpcomingFeature("ExistentialAny")]

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
    .executable(name: "kerf", targets: ["KerfCLI"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
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
      name: "COnnx",
      cxxSettings: [.define("ONNX_ML", to: "1"), .define("ONNX_NAMESPACE", to: "onnx")],
      linkerSettings: [.linkedLibrary("onnx_proto"), .linkedLibrary("protobuf")]),
    library("ONNX", ["COnnx", "IR"]),
    .target(name: "CSystem"),
    .target(name: "CZlib", linkerSettings: [.linkedLibrary("z")]),
    library("Bundle", ["CSystem"]),
    .target(
      name: "Kernels", exclude: ["README.md", "core/kernels.def"], linkerSettings: [.linkedLibrary("m")]),
    library("Runtime", ["Bundle", "Kernels", "CSystem"]),
    library("Lowering", ["IR", "Bundle", "Kernels"]),
    library("Calibration", ["IR", "Passes", "Lowering", "Bundle", "Runtime"]),
    library("Reports", ["IR", "Passes", "Bundle"]),
    library(
      "Kerf",
      ["IR", "Passes", "ONNX", "Bundle", "Kernels", "Runtime", "Lowering", "Calibration", "Reports", "CZlib"]),
    .executableTarget(
      name: "KerfCLI",
      dependencies: ["Kerf", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: swift),

    .target(name: "TestSupport", dependencies: ["IR"], path: "Tests/TestSupport", swiftSettings: swift),
    tests("IRTests", ["IR", "TestSupport"]),
    tests("PassesTests", ["Passes", "IR", "TestSupport"], exclude: ["Golden"]),
    tests("ONNXTests", ["ONNX", "IR", "TestSupport"]),
    .target(name: "FaultInjection", path: "Tests/FaultInjection"),
    tests("BundleTests", ["Bundle", "CSystem", "FaultInjection"]),
    tests("KernelsTests", ["Kernels"]),
    .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
    tests("RuntimeTests", ["Runtime", "Bundle", "Kernels", "CSystem", "AllocationCounter"]),
    tests("LoweringTests", ["Lowering", "IR", "Bundle", "Kernels", "Runtime", "TestSupport"]),
    tests("KerfTests", ["Kerf", "IR", "Passes", "ONNX", "Runtime", "Bundle", "Lowering", "Reports", "TestSupport"]),
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
