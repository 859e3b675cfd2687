// The operations a program can hold: number, tensors, attributes. Numbers are stored in bundles and never change.
//
// Notation: inputs and outputs in order, `?` optional; attributes in order, (i) integer, (f) double.
// `act` stands for three attributes: function (i, KERF_UNARY_…, IDENTITY for none), p0 (f), p1 (f).
// `residual` stands for one attribute (i): 0 none, 1 added before the activation, 2 added after it; the residual tensor
// has the output's shape. `geometry` stands for ten attributes (i): kernel h, w; stride h, w; dilation h, w;
// padding top, left, bottom, right. 1-D convolutions and pools arrive with h = 1.
// Scales of 0 stand for output size over input size.
// "any" element type: kernels that only move data look at its width alone.
// Inputs named `packed` come from the kerf_pack_… function of the same operation.
#ifndef KERF_OPS_H
#define KERF_OPS_H

enum {
  // Matrix products and convolutions, float32
  KERF_OP_GEMM_F32 = 1,         // a[…,K], packed, bias[N]?, residual? -> [..., N]; K(i) N(i) act residual
  KERF_OP_MATMUL_F32 = 2,       // a, b (batched, numpy broadcasting of leading axes), bias[N]?, residual? -> ;
                                //   trans_a(i) trans_b(i) alpha(f) act residual   (rank >= 2; trans: last two axes)
  KERF_OP_CONV2D_F32 = 3,       // x[N,H,W,C], packed or [OC,C/groups,KH,KW], bias[OC]?, residual? -> [N,OH,OW,OC];
                                //   geometry groups(i) OC(i) act residual
  KERF_OP_DEPTHWISE_F32 = 4,    // x[N,H,W,C], packed, bias[C]?, residual? -> [N,OH,OW,C]; geometry act residual
  KERF_OP_CONV_TRANSPOSE2D_F32 = 5,  // x[N,H,W,C], packed or [C,OC/groups,KH,KW], bias[OC]? -> [N,OH,OW,OC];
                                //   geometry groups(i) OC(i) act
  KERF_OP_LSTM_F32 = 6,         // x[T,B,I], packed W, packed R, bias[D,4H]?, h0[D,B,H]?, c0[D,B,H]?, peephole[D,3H]?, lengths[B] i32?
                                //   -> y[T,D,B,H]?, yh[D,B,H]?, yc[D,B,H]?; H(i) I(i) direction(i: 0 forward 1 reverse 2 both)
                                //   clip(f, 0 none) input_forget(i) then per direction f g h as act (9 attributes a direction)
  KERF_OP_GRU_F32 = 7,          // x[T,B,I], packed W, packed R, bias W[D,3H]?, bias R[D,3H]?, h0?, lengths? -> y?, yh?;
                                //   H(i) I(i) direction(i) clip(f) linear_before_reset(i) then per direction f g as act
  KERF_OP_RNN_F32 = 8,          // x[T,B,I], packed W, packed R, bias[D,H]?, h0?, lengths? -> y?, yh?; H I direction clip(f), per direction f as act
                                //   gate order, formulas and activations as ONNX; LSTM and RNN bias is Wb + Rb
  KERF_OP_ATTENTION_F32 = 9,    // q, k, v, mask f32 or bool [[[B,]heads,]L,]S? (1 broadcasts but in S) -> y, each
                                //   [B,length,columns] or [B,heads,length,size]; heads(i) key_heads(i) size(i) value_size(i), first column of q k v (i each),
                                //   scale(f) softcap(f, 0 none) causal(i: 1 key j <= query i, 2 j <= i + S - L)
  KERF_OP_WINOGRAD_F32 = 10,    // x[N,H,W,C], packed, bias[OC]?, residual? -> [N,OH,OW,OC]; geometry (square filter, stride 1) OC(i)
                                //   tile(i: 2 or 4 outputs a side, 3 x 3 filters; 2, 5 x 5 filters) act residual

  // Float32, element by element
  KERF_OP_UNARY_F32 = 16,       // x -> y; act
  KERF_OP_BINARY_F32 = 17,      // a, b (broadcast) -> y; function(i, KERF_BINARY_…) act
  KERF_OP_SCALE_SHIFT_F32 = 18, // x[…,C], scale[C], shift[C] -> y; act
  KERF_OP_SOFTMAX_F32 = 19,     // x -> y; axis(i) log(i)
  KERF_OP_LAYER_NORM_F32 = 20,  // x, scale?, bias? (shape of the trailing axes) -> y, mean?, inv_std?; axis(i) epsilon(f) rms(i)
  KERF_OP_GROUP_NORM_F32 = 21,  // x[N,S,C], scale[C]?, bias[C]? -> y; groups(i) epsilon(f) act   (instance norm: groups = C)
  KERF_OP_REDUCE_F32 = 22,      // x -> y; function(i, KERF_REDUCE_…) axes(i, bit mask)
  KERF_OP_MAX_POOL_F32 = 23,    // x[N,H,W,C] -> y; geometry   (padding never wins)
  KERF_OP_AVG_POOL_F32 = 24,    // x[N,H,W,C] -> y; geometry count_include_pad(i)
  KERF_OP_RESIZE_F32 = 25,      // x[N,H,W,C] -> y; mode(i: 0 nearest 1 linear 2 cubic) coordinate(i: 0 half_pixel 1 asymmetric
                                //   2 pytorch_half_pixel 3 align_corners 4 half_pixel_symmetric 5 tf_half_pixel_for_nn) nearest(i: 0 round_prefer_floor
                                //   1 round_prefer_ceil 2 floor 3 ceil) cubic_a(f) exclude_outside(i) scale_h(f) scale_w(f)
  KERF_OP_CUMSUM_F32 = 26,      // x -> y; axis(i) exclusive(i) reverse(i)
  KERF_OP_TOPK_F32 = 27,        // x -> values, indices i64; axis(i) largest(i)   (sorted; ties: lower index first)
  KERF_OP_LRN_F32 = 28,         // x[…,C] -> y; size(i) alpha(f) beta(f) bias(f)

  // Other element types, and moving data
  KERF_OP_UNARY_INT = 40,       // x -> y, integers and bool, same type; function(i: KERF_UNARY_ABS NEG SIGN NOT, or IDENTITY)
  KERF_OP_BINARY_INT = 41,      // a, b (broadcast) -> y, integers; function(i, KERF_BINARY_…)   (wraps; f64 is allowed here too)
  KERF_OP_COMPARE = 42,         // a, b (broadcast), any -> bool; function(i, KERF_COMPARE_…)
  KERF_OP_LOGICAL = 43,         // a, b (broadcast), bool -> bool; function(i: KERF_BINARY_AND OR XOR)
  KERF_OP_WHERE = 44,           // condition bool, a, b (broadcast), any -> y
  KERF_OP_CAST = 45,            // x -> y, any to any of the numbered types; saturating float to integer, NaN to 0
  KERF_OP_TRANSPOSE = 46,       // x, any -> y; perm(i) per axis
  KERF_OP_GATHER = 47,          // data any, indices i32/i64 -> y; axis(i)
  KERF_OP_GATHER_ELEMENTS = 48, // data any, indices -> y; axis(i)
  KERF_OP_GATHER_ND = 49,       // data any, indices -> y; batch_dims(i)
  KERF_OP_SCATTER_ELEMENTS = 50,  // data, indices, updates -> y; axis(i) reduction(i: 0 none 1 add 2 mul 3 max 4 min)   (reduction: f32 f64 i32 i64)
  KERF_OP_SCATTER_ND = 51,      // data, indices, updates -> y; reduction(i)
  KERF_OP_SLICE = 52,           // x any -> y; per axis start(i) step(i)   (start already within bounds; lengths are y's)
  KERF_OP_PAD = 53,             // x any, value scalar? -> y; mode(i: 0 constant 1 reflect 2 edge 3 wrap) then per axis before(i)
  KERF_OP_CONCAT = 54,          // any number of inputs, any -> y; axis(i)
  KERF_OP_EXPAND = 55,          // x any -> y   (numpy broadcasting to y's shape)
  KERF_OP_TILE = 56,            // x any -> y   (y's dims are multiples of x's)
  KERF_OP_COPY = 57,            // x any -> y   (same bytes; shapes may differ)
  KERF_OP_DIMS = 58,            // -> y i64[n]; n attributes (i): y is their values   (shapes computed while planning)
  KERF_OP_ARG = 59,             // x f32/integers -> y i64; max(i: 1 argmax 0 argmin) axis(i) select_last(i)
  KERF_OP_REDUCE_INT = 60,      // x i32/i64/u8/i8/bool/f64 -> y; function(i) axes(i, bit mask)
  KERF_OP_ONE_HOT = 61,         // indices i32/i64/f32, values[2] any -> y; axis(i, of y)   (negative indices wrap, others out of range: all off)
  KERF_OP_RANGE = 62,           // start scalar, delta scalar (f32, i32, i64) -> y[n]
  KERF_OP_TRILU = 63,           // x any[…,R,C] -> y; upper(i) k(i)
  KERF_OP_CUMSUM_INT = 64,      // x i32/i64/f64 -> y; axis(i) exclusive(i) reverse(i)
  KERF_OP_REVERSE_SEQUENCE = 65,  // x any, lengths i64 -> y; batch_axis(i) time_axis(i)
  KERF_OP_IS = 66,              // x f32 -> bool; function(i: 0 is_nan, 1 is_inf, 2 is_positive_inf, 3 is_negative_inf)
  KERF_OP_RESIZE_NEAREST = 67,  // x[N,H,W,C] any -> y; coordinate(i) nearest(i) scale_h(f) scale_w(f)
  KERF_OP_SOFTMAX_BF16 = 68,    // x bf16 -> y; axis(i)

  // 8-bit. Activations are u8 with a zero point, weights s8 (symmetric, per output channel). The int32 accumulator is
  // exact: acc = sum((x - x_zero) * w) + bias. Requantization is defined once, in integers (kerf_requantize below).
  KERF_OP_QUANTIZE = 80,        // x f32, scale f32 [1] or [C], zero_point? -> y u8/i8/u16/i16; axis(i, -1 per tensor)   (round half to even)
  KERF_OP_DEQUANTIZE = 81,      // x u8/i8/u16/i16/i32, scale, zero_point? -> y f32; axis(i)
  KERF_OP_DYNAMIC_QUANTIZE = 82,  // x f32 -> y u8, scale f32 [], zero_point u8 []
  KERF_OP_GEMM_U8_U8 = 83,      // a u8[…,K], packed, bias i32[N], multiplier i32[N], shift i32[N], table u8[256]? -> u8[…,N];
                                //   K(i) N(i) x_zero(i) y_zero(i) y_min(i) y_max(i)
  KERF_OP_GEMM_U8_F32 = 84,     // a u8[…,K], packed, scale f32[N], bias f32[N]?, residual f32? -> f32[…,N]; K(i) N(i) x_zero(i) act residual
  KERF_OP_GEMM_U8_I32 = 85,     // a u8[…,K], packed, x_zero u8 []? -> i32[…,N]; K(i) N(i)
  KERF_OP_CONV2D_U8_U8 = 86,    // x u8[N,H,W,C], packed, bias i32[OC], multiplier, shift, table?, residual u8?, factor i32[OC]? -> u8;
                                //   geometry groups(i) OC(i) x_zero y_zero y_min y_max r_zero r_shift: rounds
                                //   ((sum + bias) << r_shift) + factor * (residual - r_zero), in 32 bits
  KERF_OP_CONV2D_U8_F32 = 87,   // x u8[N,H,W,C], packed, scale f32[OC], bias f32[OC]?, residual f32? -> f32; geometry groups OC x_zero act residual
  KERF_OP_DEPTHWISE_U8_U8 = 88, // x u8[N,H,W,C], packed, bias i32[C], multiplier, shift, table? -> u8; geometry x_zero y_zero y_min y_max
  KERF_OP_ADD_U8 = 89,          // a, b u8 (same shape) -> u8; a_zero a_multiplier b_zero b_multiplier shift y_zero y_min y_max (all i):
                                //   y = clamp(((a - a_zero) * a_multiplier + (b - b_zero) * b_multiplier + round) >> shift + y_zero), 64-bit
  KERF_OP_MUL_U8 = 90,          // a, b u8 (broadcast) -> u8; a_zero b_zero multiplier shift y_zero y_min y_max (all i)
  KERF_OP_LUT_U8 = 91,          // x u8/i8, table u8[256] -> u8/i8, by their bytes
  KERF_OP_MAX_POOL_U8 = 92,     // x u8[N,H,W,C] -> y; geometry
  KERF_OP_AVG_POOL_U8 = 93,     // x u8[N,H,W,C] -> y; geometry count_include_pad(i) x_zero multiplier shift y_zero y_min y_max
                                //   (padding counts as x_zero; multiplier / 2^shift is the scale ratio x/y, the division by the count is exact:
                                //   y = clamp(round_half_up(sum * multiplier / (count * 2^shift)) + y_zero))
  KERF_OP_MATMUL_INT = 94,      // a, b u8/i8 (batched), a_zero? (scalar or [M] last but one axis), b_zero? (scalar or [N]) -> i32   (MatMulInteger)
  KERF_OP_CONV_INT = 95,        // x u8/i8[N,H,W,C], packed s8, x_zero?, w_zero i32 (scalar or [OC], of the packed codes)? -> i32[N,OH,OW,OC];
                                //   geometry groups(i) OC(i)   (ConvInteger)
  KERF_OP_GEMM_F32_CODES = 110, // a f32[…,K], packed codes with scales and offsets, bias f32[N]?, residual? -> f32[…,N];
                                //   K(i) N(i) bits(i: 8 or 4) block(i, rows of k that share a scale) act residual
  KERF_OP_GEMM_F32_DYNAMIC = 111,   // a f32[…,K], packed s8, scale f32[N], bias f32[N]?, residual? -> f32[…,N]; K(i) N(i) act residual
                                //   (a is quantized as DYNAMIC_QUANTIZE does; y = act((float)sum * (a_scale * scale) + bias))
  KERF_OP_CONV2D_F32_DYNAMIC = 112, // x f32[N,H,W,C], packed s8, scale f32[OC], bias f32[OC]?, residual? -> f32; geometry groups(i) OC(i) act residual
  KERF_OP_LSTM_F32_CODES = 113, // as LSTM_F32, GRU_F32 and RNN_F32, with W and R as packed codes of 8 bits; rows of x and h become codes of up to
  KERF_OP_GRU_F32_CODES = 114,  //   16 bits, each with a scale of its own, so that the products are exact integers
  KERF_OP_RNN_F32_CODES = 115,
  KERF_OP_MATMUL_INT_U8 = 116,  // as MATMUL_INT, then a_scale f32 (scalar or [M]), b_scale f32 (scalar or [N]), y_scale f32, y_zero (scalar or
                                //   [M]) -> u8/i8; b_transposed(i: b[N,K]) y_min y_max (of the codes; i8 plus 128)   (QLinearMatMul)
  KERF_OP_MATMUL_INT_F32 = 117, // as MATMUL_INT, then a_scale f32 (scalar or [M]), b_scale f32 (scalar or [N]), residual? -> f32;
                                //   b_transposed(i) act residual; y = act((float)sum * (a_scale * b_scale))
  KERF_OP_ATTENTION_U8 = 118,   // q, k u8, v f32, mask, attributes as ATTENTION_F32 (scale: of the sums, > 0; softcap 0) -> y u8 or f32; then q_zero(i)
                                //   factor(f: 1, over y's scale where y is codes) y_zero(i)   (probabilities and values become codes: attention_u8.h)
};

/// Activations and unary functions. p0 and p1 where stated.
enum {
  KERF_UNARY_IDENTITY = 0, KERF_UNARY_RELU = 1, KERF_UNARY_CLIP = 2 /* min, max */, KERF_UNARY_LEAKY_RELU = 3 /* alpha */,
  KERF_UNARY_SIGMOID = 4, KERF_UNARY_TANH = 5, KERF_UNARY_SILU = 6 /* x*sigmoid(p0*x) */, KERF_UNARY_HARD_SIGMOID = 7 /* alpha, beta */,
  KERF_UNARY_HARD_SWISH = 8, KERF_UNARY_GELU = 9, KERF_UNARY_GELU_TANH = 10, KERF_UNARY_ELU = 11 /* alpha */,
  KERF_UNARY_SELU = 12 /* alpha, gamma */, KERF_UNARY_CELU = 13 /* alpha */, KERF_UNARY_SOFTPLUS = 14, KERF_UNARY_SOFTSIGN = 15,
  KERF_UNARY_MISH = 16, KERF_UNARY_THRESHOLDED_RELU = 17 /* alpha */, KERF_UNARY_SHRINK = 18 /* bias, lambd */,
  KERF_UNARY_AFFINE = 19 /* p0*x + p1 */,
  KERF_UNARY_ABS = 32, KERF_UNARY_NEG = 33, KERF_UNARY_SQRT = 34, KERF_UNARY_RECIPROCAL = 35, KERF_UNARY_EXP = 36, KERF_UNARY_LOG = 37,
  KERF_UNARY_ERF = 38, KERF_UNARY_FLOOR = 39, KERF_UNARY_CEIL = 40, KERF_UNARY_ROUND = 41 /* half to even */, KERF_UNARY_SIGN = 42,
  KERF_UNARY_SIN = 43, KERF_UNARY_COS = 44, KERF_UNARY_TAN = 45, KERF_UNARY_ASIN = 46, KERF_UNARY_ACOS = 47, KERF_UNARY_ATAN = 48,
  KERF_UNARY_SINH = 49, KERF_UNARY_COSH = 50, KERF_UNARY_ASINH = 51, KERF_UNARY_ACOSH = 52, KERF_UNARY_ATANH = 53,
  KERF_UNARY_SQUARE = 54, KERF_UNARY_NOT = 55 /* bool: logical, integers: bitwise */, KERF_UNARY_RSQRT = 56,
};

enum {
  KERF_BINARY_ADD = 0, KERF_BINARY_SUB = 1, KERF_BINARY_MUL = 2, KERF_BINARY_DIV = 3 /* integers: toward zero */, KERF_BINARY_POW = 4,
  KERF_BINARY_MIN = 5, KERF_BINARY_MAX = 6, KERF_BINARY_MOD = 7 /* sign of the divisor */, KERF_BINARY_FMOD = 8 /* sign of the dividend */,
  KERF_BINARY_PRELU = 9 /* a >= 0 ? a : a*b */, KERF_BINARY_SQUARED_DIFFERENCE = 10,
  KERF_BINARY_AND = 16, KERF_BINARY_OR = 17, KERF_BINARY_XOR = 18, KERF_BINARY_SHIFT_LEFT = 19, KERF_BINARY_SHIFT_RIGHT = 20,
};

enum { KERF_COMPARE_EQUAL = 0, KERF_COMPARE_LESS = 1, KERF_COMPARE_LESS_OR_EQUAL = 2, KERF_COMPARE_GREATER = 3, KERF_COMPARE_GREATER_OR_EQUAL = 4, KERF_COMPARE_NOT_EQUAL = 5 };

enum {
  KERF_REDUCE_SUM = 0, KERF_REDUCE_MEAN = 1, KERF_REDUCE_MAX = 2, KERF_REDUCE_MIN = 3, KERF_REDUCE_PROD = 4, KERF_REDUCE_L1 = 5,
  KERF_REDUCE_L2 = 6, KERF_REDUCE_SUM_SQUARE = 7, KERF_REDUCE_LOG_SUM = 8, KERF_REDUCE_LOG_SUM_EXP = 9,
};

// Packing, done by the compiler. Every packed layout is the same on all instruction sets (panels of 16 output channels,
// 8-bit: 4 input channels interleaved), so that one bundle runs anywhere; it begins on a 64-byte boundary.
// `size` functions return 0 for arguments out of range. Source weights as ONNX stores them.

uint64_t kerf_pack_gemm_f32_size(int64_t k, int64_t n);
/// b[K,N] row-major, or [N,K] when transposed: floats at any address.
void kerf_pack_gemm_f32(int64_t k, int64_t n, int transposed, const void *b, void *packed);
uint64_t kerf_pack_conv2d_f32_size(int64_t oc, int64_t c_per_group, int64_t kh, int64_t kw, int64_t groups);
/// w[OC, C/groups, KH, KW]
void kerf_pack_conv2d_f32(int64_t oc, int64_t c_per_group, int64_t kh, int64_t kw, int64_t groups, const float *w, void *packed);
/// Filters of taps x taps for WINOGRAD_F32 with tiles of tile x tile outputs.
uint64_t kerf_pack_winograd_f32_size(int64_t oc, int64_t c, int64_t taps, int64_t tile);
/// w[OC, C, taps, taps]
void kerf_pack_winograd_f32(int64_t oc, int64_t c, int64_t taps, int64_t tile, const float *w, void *packed);
uint64_t kerf_pack_depthwise_f32_size(int64_t c, int64_t kh, int64_t kw);
/// w[C, 1, KH, KW]
void kerf_pack_depthwise_f32(int64_t c, int64_t kh, int64_t kw, const float *w, void *packed);
uint64_t kerf_pack_conv_transpose2d_f32_size(int64_t c, int64_t oc_per_group, int64_t kh, int64_t kw, int64_t groups);
/// w[C, OC/groups, KH, KW]
void kerf_pack_conv_transpose2d_f32(int64_t c, int64_t oc_per_group, int64_t kh, int64_t kw, int64_t groups, const float *w, void *packed);
/// Recurrent weights w[D, gates*H, K] (K = I for W, H for R), gates 4, 3 or 1.
uint64_t kerf_pack_rnn_f32_size(int64_t directions, int64_t gates, int64_t h, int64_t k);
void kerf_pack_rnn_f32(int64_t directions, int64_t gates, int64_t h, int64_t k, const float *w, void *packed);

/// The same of codes, weight = code · scale, with a scale for each row of a gate: scales[D, gates*H].
uint64_t kerf_pack_rnn_codes_size(int64_t directions, int64_t gates, int64_t h, int64_t k);
void kerf_pack_rnn_codes(int64_t directions, int64_t gates, int64_t h, int64_t k, const int8_t *codes, const float *scales, void *packed);

/// 8-bit packings also hold the column sums that correct for the zero point.
uint64_t kerf_pack_gemm_s8_size(int64_t k, int64_t n);
void kerf_pack_gemm_s8(int64_t k, int64_t n, int transposed, const int8_t *b, void *packed);
uint64_t kerf_pack_conv2d_s8_size(int64_t oc, int64_t c_per_group, int64_t kh, int64_t kw, int64_t groups);
void kerf_pack_conv2d_s8(int64_t oc, int64_t c_per_group, int64_t kh, int64_t kw, int64_t groups, const int8_t *w, void *packed);
uint64_t kerf_pack_depthwise_s8_size(int64_t c, int64_t kh, int64_t kw);
void kerf_pack_depthwise_s8(int64_t c, int64_t kh, int64_t kw, const int8_t *w, void *packed);

/// Codes [k, n], one a byte, of `bits` 8 (−128…127) or 4 (0…15), with a scale and an offset per block of k and column,
/// [ceil(k / block), n]: weight = code · scale + offset. With 4 bits, `block` is even or k.
uint64_t kerf_pack_gemm_codes_size(int64_t k, int64_t n, int64_t bits, int64_t block);
void kerf_pack_gemm_codes(int64_t k, int64_t n, int64_t bits, int64_t block, const int8_t *codes, const float *scale, const float *offset,
                          void *packed);

/// A factor of at least 0 as multiplier / 2^shift, its 31 leading bits, which kerf_requantize takes; 0 for one that is
/// negative, no number, or 2^30 or more.
int kerf_fixed_point(double factor, int32_t *multiplier, int32_t *shift);

/// Requantization, the one definition: y = clamp(((acc * multiplier + 2^(shift-1)) >> shift) + y_zero, y_min, y_max), in 64 bits,
/// arithmetic shift (so ties go up); multiplier in [0, 2^31), shift in 1…62; then table[y] where a table is given.
static inline uint8_t kerf_requantize(int32_t acc, int32_t multiplier, int32_t shift, int32_t y_zero, int32_t y_min, int32_t y_max) {
  int64_t y = (((int64_t)acc * multiplier + ((int64_t)1 << (shift - 1))) >> shift) + y_zero;
  return (uint8_t)(y < y_min ? y_min : y > y_max ? y_max : y);
}

#endif
