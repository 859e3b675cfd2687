import Kernels

/// Benchmarks in the sizes of real layers, for the operations that most time goes to.
let layerBenchmarks: [UInt16: @Sendable () -> [KernelBenchmark]] = [
  UInt16(KERF_OP_GEMM_F32): { [product(128, 768, 768), product(1, 1024, 1000), product(197, 192, 768)] },
  UInt16(KERF_OP_GEMM_U8_F32): { [codedProduct(128, 768, 768), codedProduct(1, 1024, 1000)] },
  UInt16(KERF_OP_CONV2D_F32): { convolutionLayers.map { convolution($0, coded: false) } },
  UInt16(KERF_OP_CONV2D_U8_U8): { convolutionLayers.map { convolution($0, coded: true) } },
  UInt16(KERF_OP_DEPTHWISE_F32): { depthwiseLayers.map { depthwise($0, coded: false) } },
  UInt16(KERF_OP_DEPTHWISE_U8_U8): { depthwiseLayers.map { depthwise($0, coded: true) } },
  UInt16(KERF_OP_UNARY_F32): {
    [KERF_UNARY_RELU, KERF_UNARY_SIGMOID, KERF_UNARY_GELU].map { function in
      let x = TestTensor.f32([Float](repeating: 0.5, count: 128 * 3072), [128, 3072])
      return KernelBenchmark(
        test: KernelCase(
          name: "function \(function), 128x3072", inputs: [x], attributes: [.integer(function), 0.0, 0.0], outputs: [x])
      )
    }
  },
]

private let convolutionLayers: [ConvolutionShape] = [
  .init(h: 224, w: 224, c: 3, oc: 32, stride: (2, 2), pads: (1, 1, 1, 1)),
  .init(h: 56, w: 56, c: 64, oc: 64, pads: (1, 1, 1, 1)), .init(h: 14, w: 14, c: 256, oc: 1024, kernel: (1, 1)),
  .init(h: 7, w: 7, c: 512, oc: 512, pads: (1, 1, 1, 1)),
]

private let depthwiseLayers: [ConvolutionShape] = [
  .init(h: 112, w: 112, c: 32, oc: 32, pads: (1, 1, 1, 1), groups: 32),
  .init(h: 56, w: 56, c: 144, oc: 144, stride: (2, 2), pads: (1, 1, 1, 1), groups: 144),
  .init(h: 14, w: 14, c: 576, oc: 576, pads: (1, 1, 1, 1), groups: 576),
  .init(h: 14, w: 14, c: 240, oc: 240, kernel: (5, 5), pads: (2, 2, 2, 2), groups: 240),
]

private func floats(_ dims: [Int]) -> TestTensor {
  .f32((0..<dims.reduce(1, *)).map { Float($0 % 17 - 8) / 8 }, dims)
}

private func bytes(_ dims: [Int]) -> TestTensor { .u8((0..<dims.reduce(1, *)).map { UInt8($0 % 251) }, dims) }

/// Weights whose neighbours fit in pairs, as those of layers do.
private func codes(_ count: Int) -> [Int8] { (0..<count).map { Int8($0 % 129 - 64) } }

private func product(_ m: Int, _ k: Int, _ n: Int) -> KernelBenchmark {
  let w = (0..<k * n).map { Float($0 % 13 - 6) / 64 }
  let packed = TestTensor.packed(kerf_pack_gemm_f32_size(Int64(k), Int64(n))) {
    kerf_pack_gemm_f32(Int64(k), Int64(n), 0, w, $0)
  }
  return KernelBenchmark(
    test: KernelCase(
      name: "\(m)x\(k)x\(n)", inputs: [floats([m, k]), packed, floats([n]), .none],
      attributes: [.integer(k), .integer(n), 0, 0.0, 0.0, 0], outputs: [floats([m, n])]),
    macs: Double(m * k * n))
}

private func codedProduct(_ m: Int, _ k: Int, _ n: Int) -> KernelBenchmark {
  let packed = TestTensor.packed(kerf_pack_gemm_s8_size(Int64(k), Int64(n))) {
    kerf_pack_gemm_s8(Int64(k), Int64(n), 0, codes(k * n), $0)
  }
  return KernelBenchmark(
    test: KernelCase(
      name: "\(m)x\(k)x\(n)", inputs: [bytes([m, k]), packed, floats([n]), floats([n]), .none],
      attributes: [.integer(k), .integer(n), 3, 0, 0.0, 0.0, 0], outputs: [floats([m, n])]),
    macs: Double(m * k * n))
}

/// Bias, multiplier, shift and table of n channels; zero point and bounds.
private func requantization(_ n: Int) -> (inputs: [TestTensor], attributes: [TestAttribute]) {
  let columns = [Int32(100), 1 << 30, 38].map { TestTensor.i32([Int32](repeating: $0, count: n), [n]) }
  return (columns + [.none], [5, 0, 255])
}

private func convolution(_ s: ConvolutionShape, coded: Bool) -> KernelBenchmark {
  let (oc, c, kh, kw) = (Int64(s.oc), Int64(s.c), Int64(s.kernel.0), Int64(s.kernel.1))
  let (x, y, count) = ([s.n, s.h, s.w, s.c], [s.n, s.oh, s.ow, s.oc], s.oc * s.c * s.kernel.0 * s.kernel.1)
  let macs = Double(y.reduce(1, *)) * Double(count / s.oc)
  let shape = s.geometry + [1, .integer(s.oc)]
  if coded {
    let packed = TestTensor.packed(kerf_pack_conv2d_s8_size(oc, c, kh, kw, 1)) {
      kerf_pack_conv2d_s8(oc, c, kh, kw, 1, codes(count), $0)
    }
    let rest = requantization(s.oc)
    return KernelBenchmark(
      test: KernelCase(
        name: s.label, inputs: [bytes(x), packed] + rest.inputs, attributes: shape + [3] + rest.attributes + [0, 0],
        outputs: [bytes(y)]),
      macs: macs)
  }
  let w = (0..<count).map { Float($0 % 13 - 6) / 64 }
  let packed = TestTensor.packed(kerf_pack_conv2d_f32_size(oc, c, kh, kw, 1)) {
    kerf_pack_conv2d_f32(oc, c, kh, kw, 1, w, $0)
  }
  return KernelBenchmark(
    test: KernelCase(
      name: s.label, inputs: [floats(x), packed, floats([s.oc]), .none], attributes: shape + [1, 0.0, 0.0, 0],
      outputs: [floats(y)]),
    macs: macs)
}

private func depthwise(_ s: ConvolutionShape, coded: Bool) -> KernelBenchmark {
  let (c, kh, kw) = (Int64(s.c), Int64(s.kernel.0), Int64(s.kernel.1))
  let (x, y, count) = ([s.n, s.h, s.w, s.c], [s.n, s.oh, s.ow, s.c], s.c * s.kernel.0 * s.kernel.1)
  let macs = Double(y.reduce(1, *)) * Double(s.kernel.0 * s.kernel.1)
  if coded {
    let packed = TestTensor.packed(kerf_pack_depthwise_s8_size(c, kh, kw)) {
      kerf_pack_depthwise_s8(c, kh, kw, codes(count), $0)
    }
    let rest = requantization(s.c)
    return KernelBenchmark(
      test: KernelCase(
        name: s.label, inputs: [bytes(x), packed] + rest.inputs, attributes: s.geometry + [3] + rest.attributes,
        outputs: [bytes(y)]),
      macs: macs)
  }
  let w = (0..<count).map { Float($0 % 13 - 6) / 64 }
  let packed = TestTensor.packed(kerf_pack_depthwise_f32_size(c, kh, kw)) {
    kerf_pack_depthwise_f32(c, kh, kw, w, $0)
  }
  return KernelBenchmark(
    test: KernelCase(
      name: s.label, inputs: [floats(x), packed, floats([s.c]), .none],
      attributes: s.geometry + [1, 0.0, 0.0, 0], outputs: [floats(y)]),
    macs: macs)
}
