/// What `ProgramVerifier` finds out on its way: when values exist and how long they are needed.
///
/// Times are step indices. `early` (-2) is before the run, from the dimensions of the inputs alone; `start` (-1) is
/// when the inputs are there; n is when step n has run; `never` marks what nothing defines.
public struct ProgramAnalysis: Sendable {
  public static let early: Int32 = -2
  public static let start: Int32 = -1
  public static let never = Int32.max

  /// Per expression: from when on it can be evaluated.
  public internal(set) var ready: [Int32] = []
  /// Per slot: from when on it has a value.
  public internal(set) var defined: [Int32] = []
  /// Per slot: the slot whose memory it is, itself unless it is an alias.
  public internal(set) var root: [Int32] = []
  /// Per root slot: the last step that needs its memory; the number of steps for outputs of the program.
  public internal(set) var lastUse: [Int32] = []
  /// The same of each body.
  public internal(set) var bodies: [ProgramAnalysis] = []

  /// Whether the dimensions of a slot are known from the dimensions of the inputs.
  public func isEarly(_ slot: Slot) -> Bool {
    for dim in slot.dims where ready[Int(dim)] != Self.early { return false }
    return true
  }
}
