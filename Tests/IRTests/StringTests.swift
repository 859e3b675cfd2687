import IR
import TestSupport
import Testing

@Suite struct StringTests {
  func strings(_ values: [String], _ shape: [Int]? = nil) -> Tensor {
    Tensor(strings: values.map { Array($0.utf8) }, shape: shape ?? [values.count])
  }

  @Test func joinsAndCuts() throws {
    #expect(try run(StringConcat(), [strings(["a", "b"]), strings(["x"], [])])[0] == strings(["ax", "bx"]))
    var split = StringSplit()
    let parts = try run(split, [strings([" a  b ", ""])], outputs: 2)
    #expect(parts[0] == strings(["a", "b", "", ""], [2, 2]))
    #expect(parts[1].integers == [2, 0])
    split.delimiter = Array(",".utf8)
    split.limit = 1
    #expect(try run(split, [strings(["a,,b"])], outputs: 2)[0] == strings(["a", ",b"], [1, 2]))
  }

  @Test func normalizes() throws {
    var op = StringNormalizer()
    op.caseChange = .upper
    op.stopWords = [Array("The".utf8)]
    #expect(try run(op, [strings(["the", "ähre"])])[0] == strings(["ÄHRE"]))
    op.isCaseSensitive = true
    #expect(try run(op, [strings(["The"], [1, 1])])[0] == strings([""], [1, 1]))
  }

  @Test(arguments: [
    ("a*b", "aaab", true), ("a*b", "aaabc", false), ("(ab|c)+", "abcab", true), ("[^a-c]{2,3}", "xyz", true),
    ("[^a-c]{2,3}", "x", false), ("\\d+\\.\\w?", "12.", true), ("(?i)HeLLo", "hEllO", true), (".", "\n", false),
    ("(?s).", "\n", true), ("[[:alpha:]_]+", "ab_", true), ("a{0}", "", true), ("^a$|b", "b", true),
    ("\\Qa.b\\E", "a.b", true),
    ("x\\b y", "x y", true), ("\\x{e4}", "ä", true), ("", "", true), ("(a*)*", "aaaa", true), ("(?P<n>a)?b", "b", true),
  ]) func matches(_ pattern: String, _ text: String, _ expected: Bool) throws {
    var op = RegexFullMatch()
    op.pattern = Array(pattern.utf8)
    #expect(try run(op, [strings([text])])[0].elements(Bool.self) == [expected])
  }

  @Test(arguments: ["(", "a)", "[a", "*", "a{2001}", "[z-a]", "\\8", "(?x)", "((((a{100}){100}){100}){100})"])
  func refusesPatterns(_ pattern: String) {
    var op = RegexFullMatch()
    op.pattern = Array(pattern.utf8)
    #expect(message { _ = try run(op, [strings(["a"])]) }?.hasPrefix("pattern: ") == true)
  }

  @Test func patternsTakeLinearTime() throws {
    var op = RegexFullMatch()
    op.pattern = Array("(a|aa|a?)*b".utf8)
    #expect(try run(op, [strings([String(repeating: "a", count: 2000)])])[0].elements(Bool.self) == [false])
  }

  @Test func countsGrams() throws {
    var op = TfIdfVectorizer()
    op.shortest = 2
    op.longest = 2
    op.maximumSkip = 1
    op.starts = [0, 1]
    op.columns = [2, 0, 1]
    op.numbers = [7, 1, 2, 1, 3]
    #expect(try run(op, [longs([1, 2, 1, 3])])[0].floats == [1, 1, 0])
    op.mode = .both
    op.weights = [0.5, 2, 1]
    #expect(try run(op, [longs([1, 2, 3], [1, 3])])[0] == Tensor([Float(0.5), 2, 0], shape: [1, 3]))
    op.starts = [0, 9]
    #expect(message { _ = try run(op, [longs([1])]) } == "ngram_counts [0,9] does not fit a pool of 5")
  }
}
