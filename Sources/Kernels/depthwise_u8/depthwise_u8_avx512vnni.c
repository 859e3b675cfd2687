// 64 lanes at a time: 64 channels of a pixel, or all of 8, 16 or 32 channels of neighbouring pixels.
//
// Interleaving the bytes of 4 taps within 128-bit lanes leaves, in vector q, lanes 16 * part + 4 * q ...; weights and
// parameters are put into that order, and packing the results to bytes undoes it. Of 3x3 windows the 4 taps are a column
// of three and nothing: a column is interleaved once for all the windows it is in.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../common/look_up_avx512.h"
#include "../gemm_u8/gemm_u8_avx512.h"
#include "depthwise_u8.h"

enum { BLOCK = 64, MOST_FOLD = 8 };

/// What the lanes hold: `count` channels from `first` on, of one pixel, or all channels of `fold` pixels.
typedef struct lanes {
  int64_t first;
  int fold, count;
} lanes;

/// Four vectors in the order of interleaved bytes.
typedef struct quad {
  __m512i q[4];
} quad;

/// Parameters of the lanes. `quick`: all shifts are 32 ... 54.
typedef struct parameters {
  bool quick;
  kerf_quick quick_lanes[4];
  kerf_lanes lanes[4];
} parameters;

/// Natural order, 16 lanes a vector, to that of interleaved bytes: parts of 4 lanes as a matrix, transposed.
INLINE quad interleaved(quad natural) {
  const __m512i *n = natural.q;
  const __m512i low01 = _mm512_shuffle_i32x4(n[0], n[1], 0x44), high01 = _mm512_shuffle_i32x4(n[0], n[1], 0xee);
  const __m512i low23 = _mm512_shuffle_i32x4(n[2], n[3], 0x44), high23 = _mm512_shuffle_i32x4(n[2], n[3], 0xee);
  return (quad){{_mm512_shuffle_i32x4(low01, low23, 0x88), _mm512_shuffle_i32x4(low01, low23, 0xdd),
                 _mm512_shuffle_i32x4(high01, high23, 0x88), _mm512_shuffle_i32x4(high01, high23, 0xdd)}};
}

/// The channel that part `part` of 16 lanes begins with, or −1 where its lanes do not follow each other.
INLINE int64_t part_channel(const kerf_dw_strip *s, const lanes *at, int part) {
  if (at->fold == 1) return at->first + 16 * part;
  return s->channels >= 16 ? 16 * part % s->channels : -1;
}

/// 64 numbers, of each lane's channel; `none` behind the last.
INLINE quad load_lanes(const kerf_dw_strip *s, const lanes *at, const int32_t *of, int32_t none) {
  const __m512i nothing = _mm512_set1_epi32(none);
  quad v;
  UNROLL
  for (int part = 0; part < 4; part++) {
    const int64_t channel = part_channel(s, at, part);
    if (channel < 0) {
      const __m256i eight = _mm256_loadu_si256((const __m256i *)(const void *)of);
      v.q[part] = _mm512_inserti64x4(_mm512_castsi256_si512(eight), eight, 1);
    } else {
      const int64_t left = kerf_max(0, kerf_min(16, s->channels - channel));
      v.q[part] = _mm512_mask_loadu_epi32(nothing, (__mmask16)((1u << left) - 1), of + (left > 0 ? channel : 0));
    }
  }
  return interleaved(v);
}

TARGET static void load_parameters(const kerf_dw_strip *s, const lanes *at, parameters *p) {
  const quad bias = load_lanes(s, at, s->bias, 0), multiplier = load_lanes(s, at, s->multiplier, 0);
  const quad sums = load_lanes(s, at, (const int32_t *)(const void *)s->packed, 0);
  const quad shift = load_lanes(s, at, s->shift, 32);
  const __m512i zero = _mm512_set1_epi32(s->x_zero), one = _mm512_set1_epi32(1), most = _mm512_set1_epi32(62);
  _Alignas(64) int32_t init[4][16], factor[4][16], down[4][16];
  for (int q = 0; q < 4; q++) {
    _mm512_store_si512(init[q], _mm512_sub_epi32(bias.q[q], _mm512_mullo_epi32(zero, sums.q[q])));
    _mm512_store_si512(factor[q], multiplier.q[q]);
    _mm512_store_si512(down[q], _mm512_min_epi32(_mm512_max_epi32(shift.q[q], one), most));
  }
  p->quick = kerf_is_quick(down[0]) && kerf_is_quick(down[2]);
  for (int q = 0; q < 4; q++) {
    if (p->quick) p->quick_lanes[q] = kerf_load_quick(init[q], factor[q], down[q], s->output);
    else p->lanes[q] = kerf_load_lanes(init[q], factor[q], down[q]);
  }
}

/// The 4 taps of a group for all lanes, in natural order.
TARGET static quad load_taps(const kerf_dw_strip *s, const lanes *at, int64_t group) {
  _Alignas(64) int8_t w[4][64] = {0};
  for (int part = 0; part < 4; part++) {
    const int64_t channel = part_channel(s, at, part);
    if (channel >= 0 && channel % 16 == 0) {
      if (channel < s->channels) memcpy(w[part], kerf_dw_weights(s, channel / 16, group), 64);
      continue;
    }
    for (int i = 0; i < 16; i++) {
      const int64_t c = channel < 0 ? i % s->channels : channel + i;
      if (c < s->channels) memcpy(w[part] + i * 4, kerf_dw_weights(s, c / 16, group) + c % 16 * 4, 4);
    }
  }
  return (quad){{_mm512_load_si512(w[0]), _mm512_load_si512(w[1]), _mm512_load_si512(w[2]), _mm512_load_si512(w[3])}};
}

/// The weights of all lanes, [groups][4] vectors: of groups of 4 taps, or of the columns of a 3x3 window.
TARGET static void load_weights(const kerf_dw_strip *s, const lanes *at, bool columns) {
  quad g[3];
  for (int64_t i = 0; i < s->groups; i++) {
    const quad taps = load_taps(s, at, i);
    if (columns) g[i] = taps;
    else for (int q = 0; q < 4; q++) _mm512_store_si512(s->weights + (i * 4 + q) * 64, interleaved(taps).q[q]);
  }
  if (!columns) return;
  // Of the nine taps, 0 3 6, 1 4 7 and 2 5 8; 0x80 stands for nothing.
  const int32_t from[3][3] = {{(int32_t)0x80800300, (int32_t)0x80028080, (int32_t)0x80808080},
                              {(int32_t)0x80808001, (int32_t)0x80030080, (int32_t)0x80808080},
                              {(int32_t)0x80808002, (int32_t)0x80800180, (int32_t)0x80008080}};
  for (int column = 0; column < 3; column++) {
    quad w;
    for (int part = 0; part < 4; part++) {
      w.q[part] = _mm512_setzero_si512();
      for (int i = 0; i < 3; i++) {
        // Bytes of each 4 lanes: the pattern at each of the 4 places.
        const __m128i four = _mm_add_epi32(_mm_set1_epi32(from[column][i]), _mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c));
        w.q[part] = _mm512_or_si512(w.q[part], _mm512_shuffle_epi8(g[i].q[part], _mm512_broadcast_i32x4(four)));
      }
    }
    const quad order = interleaved(w);
    for (int q = 0; q < 4; q++) _mm512_store_si512(s->weights + (column * 4 + q) * 64, order.q[q]);
  }
}

INLINE __m128i load16(const uint8_t *x) { return _mm_loadu_si128((const __m128i *)(const void *)x); }
INLINE __m256i load32(const uint8_t *x) { return _mm256_loadu_si256((const __m256i *)(const void *)x); }
INLINE __m128i load8(const uint8_t *x, const uint8_t *y) {
  return _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)(const void *)x),
                            _mm_loadl_epi64((const __m128i *)(const void *)y));
}

/// Whether pixels are neighbours in memory, as they are in a line, away from its padding.
INLINE bool follow_each_other(const uint8_t *const *x, const int fold) {
  bool all = true;
  UNROLL
  for (int i = 1; i < fold; i++) all &= x[i] == x[0] + i * (64 / fold);
  return all;
}

/// The lanes of one vector from its pixels; of folded ones all exist. `mask`: the channels of a pixel that do.
INLINE __m512i load64(const uint8_t *const *x, int64_t channel, const int fold, const bool full, __mmask64 mask) {
  if (fold > 1 && follow_each_other(x, fold)) return _mm512_loadu_si512(x[0]);
  if (fold == 2) return _mm512_inserti64x4(_mm512_castsi256_si512(load32(x[0])), load32(x[1]), 1);
  if (fold == 4) {
    const __m256i low = _mm256_set_m128i(load16(x[1]), load16(x[0])), high = _mm256_set_m128i(load16(x[3]), load16(x[2]));
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
  if (fold == 8) {
    const __m256i low = _mm256_set_m128i(load8(x[2], x[3]), load8(x[0], x[1]));
    const __m256i high = _mm256_set_m128i(load8(x[6], x[7]), load8(x[4], x[5]));
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
  return full ? _mm512_loadu_si512(x[0] + channel) : _mm512_maskz_loadu_epi8(mask, x[0] + channel);
}

/// The bytes of four taps of each lane together.
INLINE quad interleave(__m512i x0, __m512i x1, __m512i x2, __m512i x3) {
  const __m512i low01 = _mm512_unpacklo_epi8(x0, x1), high01 = _mm512_unpackhi_epi8(x0, x1);
  const __m512i low23 = _mm512_unpacklo_epi8(x2, x3), high23 = _mm512_unpackhi_epi8(x2, x3);
  return (quad){{_mm512_unpacklo_epi16(low01, low23), _mm512_unpackhi_epi16(low01, low23),
                 _mm512_unpacklo_epi16(high01, high23), _mm512_unpackhi_epi16(high01, high23)}};
}

INLINE void add(quad *sum, const quad *x, const int8_t *weights) {
  UNROLL
  for (int q = 0; q < 4; q++) {
    sum->q[q] = _mm512_dpbusd_epi32(sum->q[q], x->q[q], _mm512_load_si512(weights + q * 64));
  }
}

/// Sums of 64 lanes as bytes.
INLINE __m512i requantize64(quad c, const parameters *p, const bool quick, const kerf_q8_output *o) {
  const kerf_bounds bounds = kerf_load_bounds(o);
  UNROLL
  for (int q = 0; q < 4; q++) {
    c.q[q] = quick ? kerf_requantize_quick(c.q[q], &p->quick_lanes[q])
                   : kerf_requantize_lanes(c.q[q], &p->lanes[q], &bounds);
  }
  const __m512i y = _mm512_packus_epi16(_mm512_packs_epi32(c.q[0], c.q[1]), _mm512_packs_epi32(c.q[2], c.q[3]));
  if (!quick) return y;
  const __m512i least = _mm512_set1_epi8((char)o->y_min), most = _mm512_set1_epi8((char)o->y_max);
  return _mm512_min_epu8(_mm512_max_epu8(y, least), most);
}

typedef struct loads {
  int64_t channel;
  __mmask64 mask;
} loads;

INLINE quad load_column(const kerf_dw_strip *s, const uint8_t *const *taps, const loads *l, const int fold,
                        const bool full) {
  const int64_t row = 3 * s->ld;
  return interleave(load64(taps, l->channel, fold, full, l->mask), load64(taps + row, l->channel, fold, full, l->mask),
                    load64(taps + 2 * row, l->channel, fold, full, l->mask), _mm512_setzero_si512());
}

INLINE void store64(uint8_t *y, __m512i codes, const bool whole, __mmask64 mask) {
  if (whole) _mm512_storeu_si512(y, codes);
  else _mm512_mask_storeu_epi8(y, mask, codes);
}

INLINE quad no_sums(void) {
  const __m512i zero = _mm512_setzero_si512();
  return (quad){{zero, zero, zero, zero}};
}

/// Pixels 0 ..< end of a 3x3 window, `fold` at a time, and two such vectors together: within a line the second's windows
/// lie `step` columns on (3: they share none), and so do those of the next two.
INLINE void sum_columns(const int step, const kerf_dw_strip *s, const loads *l, const parameters *p, const int fold,
                        const bool full, int64_t end) {
  const bool whole = full || fold > 1;
  uint8_t *y = s->y + l->channel;
  int64_t pixel = 0, column = s->column;
  bool follows = false;
  quad x[6];
  while (pixel < end) {
    const uint8_t *const *taps = s->taps + pixel;
    const bool both = pixel + 2 * fold <= end && column + 2 * fold <= s->width;
    quad a = no_sums();
    if (both) {
      quad b = no_sums();
      const int known = follows ? (step == 1 ? 2 : step == 2 ? 1 : 0) : 0;
      if (step == 1) x[0] = x[2], x[1] = x[3];
      if (step == 2) x[0] = x[4];
      UNROLL
      for (int i = 0; i < 3 + step; i++) {
        if (i >= known) x[i] = load_column(s, i < 3 ? taps + i * s->ld : taps + (i - step) * s->ld + fold, l, fold, full);
      }
      UNROLL
      for (int i = 0; i < 3; i++) {
        add(&a, &x[i], s->weights + i * 256);
        add(&b, &x[i + step], s->weights + i * 256);
      }
      store64(y, requantize64(a, p, true, s->output), whole, l->mask);
      store64(y + fold * s->channels, requantize64(b, p, true, s->output), whole, l->mask);
    } else {
      UNROLL
      for (int i = 0; i < 3; i++) {
        const quad v = load_column(s, taps + i * s->ld, l, fold, full);
        add(&a, &v, s->weights + i * 256);
      }
      store64(y, requantize64(a, p, true, s->output), whole, l->mask);
    }
    const int64_t done = both ? 2 * fold : fold;
    follows = both;
    pixel += done, column += done, y += done * s->channels;
    if (column >= s->width) column -= s->width, follows = false;
  }
}

/// Pixels 0 ..< end of any window, groups of 4 taps at a time.
INLINE void sum_groups(const kerf_dw_strip *s, const loads *l, const parameters *p, const int fold, const bool full,
                       const bool quick, int64_t end) {
  uint8_t *y = s->y + l->channel;
  for (int64_t pixel = 0; pixel < end; pixel += fold, y += fold * s->channels) {
    const uint8_t *const *taps = s->taps + pixel;
    const int8_t *weights = s->weights;
    quad c = no_sums();
    for (int64_t g = 0; g < s->groups; g++, taps += 4 * s->ld, weights += 256) {
      const quad x = interleave(load64(taps, l->channel, fold, full, l->mask),
                                load64(taps + s->ld, l->channel, fold, full, l->mask),
                                load64(taps + 2 * s->ld, l->channel, fold, full, l->mask),
                                load64(taps + 3 * s->ld, l->channel, fold, full, l->mask));
      add(&c, &x, weights);
    }
    const __m512i codes = requantize64(c, p, quick, s->output);
    store64(y, codes, full || fold > 1, l->mask);
  }
}

/// The pixels that fill no vector, one by one: the lanes of the first.
INLINE void sum_rest(const kerf_dw_strip *s, const parameters *p, const bool columns, int64_t begin) {
  kerf_dw_strip rest = *s;
  rest.taps += begin, rest.pixels -= begin, rest.y += begin * s->channels;
  rest.column = (s->column + begin) % s->width;
  const loads l = {0, ((__mmask64)1 << s->channels) - 1};
  if (columns) sum_columns(3, &rest, &l, p, 1, false, rest.pixels);
  else sum_groups(&rest, &l, p, 1, false, p->quick, rest.pixels);
}

INLINE void sum_folded(const kerf_dw_strip *s, const parameters *p, const int fold, const bool columns) {
  const loads l = {0, 0};
  const int64_t end = s->pixels / fold * fold;
  if (columns && fold == 2 && s->step == 1) sum_columns(2, s, &l, p, fold, true, end);
  else if (columns) sum_columns(3, s, &l, p, fold, true, end);
  else if (p->quick) sum_groups(s, &l, p, fold, true, true, end);
  else sum_groups(s, &l, p, fold, true, false, end);
  if (end < s->pixels) sum_rest(s, p, columns, end);
}

TARGET static void sum_lanes(const kerf_dw_strip *s, const lanes *at) {
  parameters p;
  load_parameters(s, at, &p);
  const bool columns = s->kh == 3 && s->kw == 3 && p.quick;
  load_weights(s, at, columns);
  const loads l = {at->first, at->count >= BLOCK ? ~(__mmask64)0 : ((__mmask64)1 << at->count) - 1};
  if (at->fold == 8) sum_folded(s, &p, 8, columns);
  else if (at->fold == 4) sum_folded(s, &p, 4, columns);
  else if (at->fold == 2) sum_folded(s, &p, 2, columns);
  else if (columns && s->step == 1 && at->count == BLOCK) sum_columns(1, s, &l, &p, 1, true, s->pixels);
  else if (columns && s->step == 2 && at->count == BLOCK) sum_columns(2, s, &l, &p, 1, true, s->pixels);
  else if (columns && s->step == 1) sum_columns(1, s, &l, &p, 1, false, s->pixels);
  else if (columns) sum_columns(3, s, &l, &p, 1, false, s->pixels);
  else if (p.quick && at->count == BLOCK) sum_groups(s, &l, &p, 1, true, true, s->pixels);
  else sum_groups(s, &l, &p, 1, false, p.quick, s->pixels);
}

TARGET static void strip(const kerf_dw_strip *s) {
  if (s->channels == 8 || s->channels == 16 || s->channels == 32) {
    const lanes all = {0, BLOCK / (int)s->channels, BLOCK};
    sum_lanes(s, &all);
  } else {
    for (int64_t channel = s->first; channel < s->last; channel += BLOCK) {
      // The last lanes are full as well: they do again what the ones before have done.
      const int64_t first = kerf_max(kerf_min(channel, s->last - BLOCK), s->first);
      const lanes at = {first, 1, (int)kerf_min(BLOCK, s->last - first)};
      sum_lanes(s, &at);
    }
  }
  if (s->output->table) {
    kerf_look_up_rows(s->pixels, s->last - s->first, s->y + s->first, s->channels, s->output->table);
  }
}

int kerf_run_depthwise_u8_u8_avx512vnni(const kerf_call *c) { return kerf_run_depthwise_u8(c, strip); }
#endif
