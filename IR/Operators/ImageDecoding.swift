import CImages

extension OperatorCatalog {
  static let imageDecoding: [any Operator.Type] = [ImageDecoder.self]
}

/// The pixels of an encoded image: JPEG, JPEG 2000, PNG, TIFF, WebP, BMP or PNM. bytes[N] → pixels[H,W,3], or [H,W,1] in
/// gray. Alpha is dropped, deeper channels keep their upper 8 bits. ONNX ImageDecoder, opsets 20–28.
public struct ImageDecoder: Operator {
  public static let name = "ImageDecoder"
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [.choice("pixel_format", \.format)]

  public enum PixelFormat: String, CaseIterable, Sendable {
    case rgb = "RGB"
    case bgr = "BGR"
    case gray = "Grayscale"
  }

  /// Pixels one image may have: a few bytes of file can claim any number.
  public static let maximumPixels = 1 << 26
  public var format = PixelFormat.rgb
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.uint8])
    try context.requireRank(0, 1, "the encoded image")
    return [.tensor(.uint8, [.unknown, .unknown, format == .gray ? 1 : 3])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let encoded = try inputs.tensor(0, of: [.uint8])
    let limit = min(Self.maximumPixels, context.maximumBytes / 3)
    let image = try RasterImage.decode(encoded.bytes, maximumPixels: limit)
    let rgb = image.pixels
    let shape = [image.height, image.width, format == .gray ? 1 : 3]
    let storage: TensorStorage
    switch format {
    case .rgb: storage = TensorStorage(bytes: UnsafeRawBufferPointer(rgb), owner: image)
    case .bgr:
      storage = TensorStorage(byteCount: rgb.count) { bgr in
        for pixel in stride(from: 0, to: rgb.count, by: 3) {
          for channel in 0..<3 { bgr[pixel + channel] = rgb[pixel + 2 - channel] }
        }
      }
    case .gray:
      storage = TensorStorage(byteCount: rgb.count / 3) { gray in
        for index in 0..<gray.count {
          gray[index] = Self.luma(rgb[3 * index], rgb[3 * index + 1], rgb[3 * index + 2])
        }
      }
    }
    return [.tensor(Tensor(unchecked: .uint8, shape, storage: storage))]
  }

  /// Luma by ITU-R BT.601 in 16-bit fixed point, rounded.
  private static func luma(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> UInt8 {
    let sum = UInt32(red) * 19595 + UInt32(green) * 38470 + UInt32(blue) * 7471
    return UInt8((sum + 0x8000) >> 16)
  }
}

/// A decoded image, 8-bit RGB from the top left on.
final class RasterImage {
  let width: Int
  let height: Int
  let pixels: UnsafeMutableBufferPointer<UInt8>
  private let release: (UnsafeMutableRawPointer) -> Void

  /// A black image. Throws where it has no pixels, or more than the limit.
  init(width: Int, height: Int, maximumPixels: Int) throws(Diagnostic) {
    guard width > 0, height > 0 else { throw .invalid("the image has \(width) x \(height) pixels") }
    guard width <= maximumPixels / height else {
      throw .invalid("the image has \(width) x \(height) pixels, the limit is \(maximumPixels) in all")
    }
    (self.width, self.height) = (width, height)
    pixels = .allocate(capacity: 3 * width * height)
    pixels.initialize(repeating: 0)
    release = { $0.deallocate() }
  }

  private init(_ image: kerf_image) {
    (width, height) = (Int(image.width), Int(image.height))
    pixels = UnsafeMutableBufferPointer(start: image.rgb, count: 3 * width * height)
    release = { kerf_free_image($0) }
  }

  deinit { if let start = pixels.baseAddress { release(start) } }

  /// The image in a file of any known format. Throws where it is damaged, cut short, too large, or of another format.
  static func decode(_ bytes: UnsafeRawBufferPointer, maximumPixels: Int) throws(Diagnostic) -> RasterImage {
    if bytes.starts(with: "BM".utf8) { return try BMPReader(bytes).read(maximumPixels) }
    if bytes.count > 2, bytes[0] == UInt8(ascii: "P"), (UInt8(ascii: "1")...UInt8(ascii: "6")).contains(bytes[1]) {
      var reader = PNMReader(bytes)
      return try reader.read(maximumPixels)
    }
    var image = kerf_image()
    var message = [CChar](repeating: 0, count: Int(KERF_IMAGE_ERROR))
    let start = bytes.bindMemory(to: UInt8.self).baseAddress
    switch kerf_decode_image(start, bytes.count, UInt64(maximumPixels), &image, &message) {
    case 1: return RasterImage(image)
    case 0:
      let text = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      throw .invalid("the image cannot be decoded: \(String(decoding: text, as: UTF8.self))")
    default: throw .invalid("the input is no image of a known format (JPEG, JPEG 2000, PNG, TIFF, WebP, BMP, PNM)")
    }
  }
}
