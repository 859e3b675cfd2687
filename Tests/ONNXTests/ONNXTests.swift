// ONNXTests
