import AllocationCounter
import Runtime
import Testing

/// Memory that runs out while a bundle is opened or run is an error, after which the context works again.
@Test(.enabled(if: allocation_count() >= 0)) func everyAllocationFailsOnce() throws {
  let bytes = try bundle(lateProgram(), weights: zeroAndOne)
  let input = Tensor.int64([], [5])
  var (failures, refusals) = (0, 0)
  for allocation in 1...1000 {
    _ = allocation_fail_after(Int64(allocation))
    var (refused, failedAhead) = (false, false)
    var context: Context?
    do throws(RuntimeError) {
      let opened = Context(try Model(bytes: bytes))
      context = opened
      failedAhead = opened.planCount == 0 || opened.allocatedBytes == 0
      try opened.run([input.view])
    } catch {
      refused = true
      #expect(error.description.contains("no memory"))
    }
    let failed = allocation_fail_after(0) == 1
    // What fails when a context plans ahead is tried again by the run, and by nothing else.
    #expect(refused == (failed && !failedAhead))
    if let context { try context.run([input.view]) }
    if !failed { break }
    failures += 1
    refusals += refused ? 1 : 0
  }
  #expect(refusals > 1 && failures < 1000)
}
