// LoweringTests
