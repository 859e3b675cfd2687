/// Regular expressions in the syntax of RE2, matched against whole strings by following all alternatives at once, in
/// time proportional to length of pattern × length of text. Source: RE2 syntax page; Thompson 1968.
struct RegularExpression {
  /// Characters an instruction accepts.
  struct Characters {
    var ranges: [ClosedRange<UInt32>] = []
    var isNegated = false

    func contains(_ c: UInt32) -> Bool { ranges.contains { $0.contains(c) } != isNegated }
  }

  enum Assertion { case textStart, textEnd, lineStart, lineEnd, wordBoundary, notWordBoundary }

  enum Instruction {
    case accept(Characters)
    case assert(Assertion)
    case jump(Int)
    case split(Int, Int)
    case match
  }

  private(set) var program: [Instruction] = []

  /// Largest program, counted repetitions written out.
  static let limit = 20_000

  init(_ pattern: [UInt8]) throws(Diagnostic) {
    var parser = RegularExpressionParser(pattern)
    program = try parser.parse() + [.match]
  }

  func matches(_ text: [UInt8]) -> Bool {
    let characters = String(decoding: text, as: UTF8.self).unicodeScalars.map(\.value)
    var current = ActiveStates(program.count)
    var next = ActiveStates(program.count)
    add(0, to: &current, characters, 0)
    for (position, c) in characters.enumerated() {
      if current.list.isEmpty { return false }
      next.clear()
      for state in current.list {
        if case .accept(let accepted) = program[state], accepted.contains(c) {
          add(state + 1, to: &next, characters, position + 1)
        }
      }
      swap(&current, &next)
    }
    return current.isActive[program.count - 1]
  }

  /// States in order of activation, each once.
  private struct ActiveStates {
    var list: [Int] = []
    var isActive: [Bool]

    init(_ count: Int) { isActive = Array(repeating: false, count: count) }

    mutating func clear() {
      for state in list { isActive[state] = false }
      list.removeAll(keepingCapacity: true)
    }
  }

  /// Adds a state and all that follow without a character.
  private func add(_ state: Int, to states: inout ActiveStates, _ text: [UInt32], _ position: Int) {
    var pending = [state]
    while let state = pending.popLast() {
      if states.isActive[state] { continue }
      states.isActive[state] = true
      states.list.append(state)
      switch program[state] {
      case .jump(let to): pending.append(state + to)
      case .split(let a, let b): pending += [state + b, state + a]
      case .assert(let assertion): if holds(assertion, text, position) { pending.append(state + 1) }
      case .accept, .match: break
      }
    }
  }

  private func holds(_ assertion: Assertion, _ text: [UInt32], _ position: Int) -> Bool {
    func isWord(_ i: Int) -> Bool {
      text.indices.contains(i) && RegularExpressionParser.word.contains { $0.contains(text[i]) }
    }
    let isBoundary = isWord(position - 1) != isWord(position)
    switch assertion {
    case .textStart: return position == 0
    case .textEnd: return position == text.count
    case .lineStart: return position == 0 || text[position - 1] == 10
    case .lineEnd: return position == text.count || text[position] == 10
    case .wordBoundary: return isBoundary
    case .notWordBoundary: return !isBoundary
    }
  }
}
