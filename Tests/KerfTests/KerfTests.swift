// KerfTests
