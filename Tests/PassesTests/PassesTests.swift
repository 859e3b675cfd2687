// PassesTests
