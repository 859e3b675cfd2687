extension Collection where Element == String {
  /// The element that a mistyped word most likely means: the fewest edits away, at most a third of its length; nil where
  /// none is near. An edit inserts, removes or replaces a character, or swaps two neighbours (Damerau, "A technique for
  /// computer detection and correction of spelling errors", 1964); letter case counts for nothing.
  public func nearest(to word: String) -> String? {
    let wanted = Array(word.lowercased().prefix(64))
    let limit = Swift.max(1, wanted.count / 3)
    var best: (distance: Int, word: String)?
    for candidate in self {
      let distance = editDistance(wanted, Array(candidate.lowercased().prefix(64)))
      if distance <= limit, distance < best?.distance ?? .max { best = (distance, candidate) }
    }
    return best?.word
  }
}

private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
  var before: [Int] = []
  var row = Array(0...b.count)
  for i in a.indices {
    var next = [i + 1]
    for j in b.indices {
      var cost = Swift.min(row[j + 1] + 1, next[j] + 1, row[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = Swift.min(cost, before[j - 1] + 1) }
      next.append(cost)
    }
    before = row
    row = next
  }
  return row[b.count]
}
