import IR
import TestSupport
import Testing

@Suite struct ContribTests {
  @Test func murmurHash() throws {
    // Values of the reference implementation, as scikit-learn's tests have them.
    var op = MurmurHash3()
    op.isUnsigned = false
    let words = Tensor(strings: [Array("foo".utf8), [], Array("hello world".utf8)], shape: [3])
    #expect(try run(op, [words])[0].elements(Int32.self) == [-156_908_512, 0, 1_586_663_183])
    op.seed = 42
    #expect(try run(op, [words])[0].elements(Int32.self)?.first == -1_322_301_282)
    op = MurmurHash3()
    #expect(try run(op, [Tensor([Int32(3)])])[0].elements(UInt32.self) == [847_579_505])
    #expect(try run(op, [Tensor(strings: [], shape: [0])])[0].shape == [0])
  }

  @Test func repeatedGroupsAreBlocked() throws {
    var op = NGramRepeatBlock()
    op.size = 2
    let scores = Tensor([1, 2, 3, 4] as [Float], shape: [1, 4])
    #expect(try run(op, [longs([1, 2, 1], [1, 3]), scores])[0].floats == [1, 2, -.infinity, 4])
    #expect(try run(op, [longs([3], [1, 1]), scores])[0].floats == [1, 2, 3, 4])
    op.size = 1
    #expect(try run(op, [longs([0, 3], [1, 2]), scores])[0].floats == [-.infinity, 2, 3, -.infinity])
    #expect(message { _ = try run(op, [longs([9], [1, 1]), scores]) } == "token 9 is none of 4 words")
    #expect(message { _ = try run(op, [longs([9]), scores]) } == "input 0 is [1], expected rank 2")
  }

  @Test func inverses() throws {
    let matrices = Tensor([2, 0, 0, 4, 0, 1, 1, 0] as [Float], shape: [2, 2, 2])
    #expect(try run(Inverse(), [matrices])[0].floats == [0.5, 0, 0, 0.25, 0, 1, 1, 0])
    #expect(try run(Inverse(), [Tensor([Float](), shape: [0, 3, 3])])[0].shape == [0, 3, 3])
    let singular = Tensor([1, 2, 2, 4] as [Float], shape: [2, 2])
    #expect(message { _ = try run(Inverse(), [singular]) } == "a matrix has no inverse")
    #expect(message { _ = try run(Inverse(), [counting([2, 3])]) } == "X is [2,3], expected square matrices")
  }

  @Test func crops() throws {
    var op = CropAndResize()
    op.outside = -1
    let image = counting([1, 1, 3, 3])
    func crop(_ box: [Float], _ size: [Int32], image owner: Int32 = 0) throws -> [Float] {
      try run(op, [image, Tensor(box, shape: [1, 4]), Tensor([owner]), Tensor(size)])[0].floats
    }
    #expect(try crop([0, 0, 1, 1], [3, 3]) == [0, 1, 2, 3, 4, 5, 6, 7, 8])
    #expect(try crop([0, 0, 1, 1], [1, 2]) == [3, 5])
    #expect(try crop([0, 0.25, 0.5, 0.75], [2, 2]) == [0.5, 1.5, 3.5, 4.5])
    #expect(try crop([0, -0.5, 0, 1], [1, 3]) == [-1, 0.5, 2])
    op.mode = .nearest
    #expect(try crop([0.3, 0.3, 1, 1], [1, 1]) == [4])
    #expect(message { _ = try crop([0, 0, 1, 1], [1, 1], image: 7) } == "box 0 is of image 7, there are 1")
    #expect(message { _ = try crop([0, 0, 1, 1], [0, 1]) } == "a crop of size 0")
  }

  @Test func maskedPool() throws {
    var op = MaxpoolWithMask()
    op.window.kernelShape = [2]
    op.window.strides = [2]
    let x = Tensor([1, 5, 2, 3, 4, 9] as [Float], shape: [1, 1, 6])
    let mask = Tensor([1, 0, 1, 1, 0, 1] as [Int32], shape: [1, 1, 6])
    #expect(try run(op, [x, mask])[0].floats == [1, 3, -.greatestFiniteMagnitude])
    op.window.kernelShape = [2, 2]
    op.window.strides = [2, 2]
    let square = Tensor([0, 0, 1, 1] as [Int32], shape: [1, 1, 2, 2])
    #expect(try run(op, [counting([1, 1, 2, 2], from: 5), square])[0].floats == [8])
    #expect(
      message { _ = try run(op, [counting([1, 1, 2, 2]), Tensor([Int32(1)], shape: [1, 1, 1, 1])]) }
        == "a mask of [1,1,1,1] for an input of [1,1,2,2]")
  }
}
