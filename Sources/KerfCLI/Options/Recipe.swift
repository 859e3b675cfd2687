import ArgumentParser
import Foundation
import Kerf
import Yams

/// A file of options: a YAML mapping whose keys are the long options of `kerf compile`. What stands on the command line
/// wins. Paths are as on the command line.
///
///     quantize: int8
///     samples: calibration.npy
///     keep-float: [stem/conv, head/conv]
///     dim: {N: 1..8}
///     verify-each: true
struct Recipe {
  private let entries: [(key: String, value: Node)]
  private let path: String
  private static let largestFile = 1 << 20

  /// Arguments of `kerf compile` with those of the recipe they name put in front; others as they are.
  static func expanded(_ arguments: [String]) throws -> [String] {
    guard arguments.first == "compile", let path = value(of: "recipe", in: arguments) else { return arguments }
    let own = Array(arguments.dropFirst())
    return ["compile"] + (try Recipe(path: path).arguments(besides: own)) + own
  }

  /// The value of a long option on a command line.
  private static func value(of name: String, in arguments: [String]) -> String? {
    for (index, argument) in arguments.enumerated().dropFirst() {
      if argument == "--" { return nil }
      if argument.hasPrefix("--\(name)=") { return String(argument.dropFirst(name.count + 3)) }
      if argument == "--\(name)", index + 1 < arguments.count { return arguments[index + 1] }
    }
    return nil
  }

  private init(path: String) throws {
    self.path = path
    guard let data = FileManager.default.contents(atPath: path) else {
      throw KerfError("cannot read the recipe '\(printable(path))'")
    }
    guard data.count <= Recipe.largestFile else {
      throw KerfError("the recipe '\(printable(path))' has \(data.count) bytes, the limit is \(Recipe.largestFile)")
    }
    let root: Node?
    do {
      root = try Yams.compose(yaml: String(decoding: data, as: UTF8.self))
    } catch {
      let text = "\(error)".split(separator: "\n").joined(separator: " ")
      throw KerfError("the recipe '\(printable(path))' is no YAML: \(text)")
    }
    guard let root else {
      entries = []
      return
    }
    guard case .mapping(let mapping) = root else {
      throw ValidationError("the recipe '\(path)' is no mapping of options to values")
    }
    entries = try mapping.map { key, value in
      guard let key = key.scalar?.string else {
        throw ValidationError("the recipe '\(path)' has a key that is no name")
      }
      return (key, value)
    }
  }

  /// The recipe as arguments, without what the command line says itself.
  private func arguments(besides own: [String]) throws -> [String] {
    let options = CompileOption.all
    var result: [String] = []
    for (key, value) in entries {
      guard let option = options.first(where: { $0.name == key }) else {
        let near = options.map(\.name).nearest(to: key).map { "; did you mean '\($0)'?" } ?? ""
        throw ValidationError("the recipe '\(path)' has the key '\(key)', which is no option of compile\(near)")
      }
      if own.contains(where: { option.isNamed(by: $0) }) { continue }
      result += try arguments(option, value)
    }
    return result
  }

  private func arguments(_ option: CompileOption, _ value: Node) throws -> [String] {
    if option.isFlag {
      switch value.bool {
      case true?: return ["--\(option.name)"]
      case false?: return []
      case nil: throw ValidationError("the recipe '\(path)': '\(option.name)' is true or false")
      }
    }
    let values = try texts(option, value)
    guard values.count == 1 || option.isRepeating else {
      throw ValidationError("the recipe '\(path)': '\(option.name)' takes one value, \(values.count) are given")
    }
    return values.flatMap { ["--\(option.name)", $0] }
  }

  /// A scalar as it is; a list's elements; a mapping as NAME=VALUE, of `input-shape` as NAME:SHAPE, of `budget` as one
  /// list.
  private func texts(_ option: CompileOption, _ value: Node) throws -> [String] {
    switch value {
    case .scalar: return [try text(option, value)]
    case .sequence(let list): return try list.map { try text(option, $0) }
    case .mapping(let mapping):
      let isShape = option.name == "input-shape"
      let pairs = try mapping.map { name, value in
        var value = value
        if isShape, case .sequence(let dims) = value {
          value = Node(try dims.map { try text(option, $0) }.joined(separator: "x"))
        }
        return try text(option, name) + (isShape ? ":" : "=") + text(option, value)
      }
      return option.isRepeating ? pairs : [pairs.joined(separator: ",")]
    case .alias: throw ValidationError("the recipe '\(path)': '\(option.name)' is an alias")
    }
  }

  private func text(_ option: CompileOption, _ node: Node) throws -> String {
    guard let text = node.scalar?.string, !text.isEmpty, node.null == nil else {
      throw ValidationError("the recipe '\(path)': '\(option.name)' has a value that is no text or number")
    }
    return text
  }
}

/// An option of `kerf compile`, as ArgumentParser describes it.
private struct CompileOption {
  let name: String
  let short: String?
  let isFlag: Bool
  let isRepeating: Bool

  /// All of them but the recipe itself and help.
  static let all: [CompileOption] = {
    struct Description: Decodable {
      struct Command: Decodable { var arguments: [Argument]? }
      struct Argument: Decodable {
        struct Name: Decodable {
          var kind: String
          var name: String
        }
        var kind: String
        var names: [Name]?
        var isRepeating: Bool
      }
      var command: Command
    }
    var text = ""
    do { _ = try CompileCommand.parse(["--experimental-dump-help"]) } catch {
      text = CompileCommand.fullMessage(for: error)
    }
    guard let description = try? JSONDecoder().decode(Description.self, from: Data(text.utf8)) else { return [] }
    return (description.command.arguments ?? []).compactMap { argument in
      guard argument.kind != "positional", let long = argument.names?.first(where: { $0.kind == "long" })?.name,
        !["recipe", "help", "version"].contains(long)
      else { return nil }
      let short = argument.names?.first { $0.kind == "short" }?.name
      return CompileOption(name: long, short: short, isFlag: argument.kind == "flag", isRepeating: argument.isRepeating)
    }
  }()

  func isNamed(by argument: String) -> Bool {
    argument == "--\(name)" || argument.hasPrefix("--\(name)=") || short.map { argument.hasPrefix("-\($0)") } ?? false
  }
}
