// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "CustomOperatorSample",
  dependencies: [.package(name: "Kerf", path: "../..")],
  targets: [
    .executableTarget(name: "CustomOperator", dependencies: [.product(name: "Kerf", package: "Kerf")])
  ]
)
