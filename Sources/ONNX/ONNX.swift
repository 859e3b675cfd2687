// The ONNX target.
