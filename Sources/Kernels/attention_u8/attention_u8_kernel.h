// ATTENTION_U8 in plain C, which the compiler makes vectors of: include it after KERF_FN, KERF_TARGET and KERF_Q8 are
// defined, and KERF_SOFTEN where the instruction set has a softmax of its own.
#include "attention_u8.h"

KERF_NO_CONTRACT

#define KERF_PLAIN static inline __attribute__((always_inline)) KERF_TARGET

/// To the nearest integer, to even, within bounds: adding 1.5 * 2^23 rounds, and the low bits are then the integer. What is
/// no number is the lower bound.
KERF_PLAIN int32_t rounded(float x, float low, float high) {
  x = x > low ? x : low;
  const float big = (x < high ? x : high) + 12582912.0f;
  int32_t bits;
  memcpy(&bits, &big, 4);
  return bits - 0x4b400000;
}

#ifndef KERF_SOFTEN
#define KERF_SOFTEN soften

/// The number a score stands for, where there is a mask.
KERF_PLAIN float masked(const kerf_attention_u8_scores *s, int32_t sum, float mask) {
  const float scaled = (float)sum * s->scale;
  return scaled + mask;
}

/// The probability `difference` below the top, in steps. Adding 2^23 rounds to even; the low bits are then the integer.
KERF_PLAIN uint32_t power(float difference) {
  const float step = difference < KERF_ATTENTION_U8_LAST ? difference : KERF_ATTENTION_U8_LAST, big = step + 8388608.0f;
  uint32_t bits;
  memcpy(&bits, &big, 4);
  bits &= 0xffff;
  const uint32_t octave = bits >> 6, halved = (uint32_t)kerf_attention_u8_halves[bits & 63] >> (octave < 16 ? octave : 16);
  return (halved + 128) >> 8;
}

KERF_PLAIN int32_t soften_sums(const kerf_attention_u8_scores *s, uint8_t *p) {
  int32_t top = INT32_MIN;
  const int32_t *block = s->at;
  for (int64_t n = 0; n < s->seen; n += KERF_Q8_TILE, block += s->step) {
    const int end = s->seen - n < KERF_Q8_TILE ? (int)(s->seen - n) : KERF_Q8_TILE;
    for (int j = 0; j < end; j++) {
      const int32_t sum = block[j] + s->init[n + j];
      top = sum > top ? sum : top;
    }
  }
  uint32_t total = 0;
  block = s->at;
  for (int64_t n = 0; n < s->seen; n += KERF_Q8_TILE, block += s->step) {
    const int end = s->seen - n < KERF_Q8_TILE ? (int)(s->seen - n) : KERF_Q8_TILE;
    for (int j = 0; j < end; j++) {
      const uint32_t code = power((float)(top - (block[j] + s->init[n + j])) * s->steps);
      p[n + j] = (uint8_t)code;
      total += code;
    }
  }
  return (int32_t)total;
}

/// What is no number is hidden.
KERF_PLAIN int32_t soften_masked(const kerf_attention_u8_scores *s, uint8_t *p) {
  float top = -__builtin_inff();
  const int32_t *block = s->at;
  for (int64_t n = 0; n < s->seen; n += KERF_Q8_TILE, block += s->step) {
    const int end = s->seen - n < KERF_Q8_TILE ? (int)(s->seen - n) : KERF_Q8_TILE;
    for (int j = 0; j < end; j++) {
      const float x = masked(s, block[j] + s->init[n + j], s->mask[n + j]);
      top = x > top ? x : top;
    }
  }
  uint32_t total = 0;
  block = s->at;
  for (int64_t n = 0; n < s->seen; n += KERF_Q8_TILE, block += s->step) {
    const int end = s->seen - n < KERF_Q8_TILE ? (int)(s->seen - n) : KERF_Q8_TILE;
    for (int j = 0; j < end; j++) {
      const float x = masked(s, block[j] + s->init[n + j], s->mask[n + j]);
      const uint32_t code = power((top - x) * s->steps);
      p[n + j] = (uint8_t)code;
      total += code;
    }
  }
  return (int32_t)total;
}

KERF_TARGET static int32_t soften(const kerf_attention_u8_scores *s, uint8_t *p) {
  memset(p + s->seen, 0, (size_t)(s->count - s->seen));
  return s->mask ? soften_masked(s, p) : soften_sums(s, p);
}
#endif

/// The columns of a row, which lie apart from everything that is written.
KERF_PLAIN float scaled(const int32_t *acc, const int32_t *init, const float *scale, float factor, int i) {
  const float value = (float)(acc[i] + init[i]) * scale[i];
  return value * factor;
}

KERF_TARGET static void store_codes(const kerf_attention_u8_sums *s, int32_t y_zero, uint8_t *y) {
  const float low = (float)-y_zero, high = (float)(255 - y_zero);
  const int32_t *const init = s->init;
  const float *const scale = s->scale;
  for (int r = 0; r < s->rows; r++, y += s->ldy) {
    const int32_t *const acc = s->acc + r * KERF_Q8_TILE;
    const float factor = s->factor[r];
    const int columns = s->columns;
    uint8_t *restrict to = y;
    for (int i = 0; i < columns; i++) to[i] = (uint8_t)(rounded(scaled(acc, init, scale, factor, i), low, high) + y_zero);
  }
}

KERF_TARGET static void store_floats(const kerf_attention_u8_sums *s, float *y) {
  for (int r = 0; r < s->rows; r++, y += s->ldy) {
    const int32_t *const acc = s->acc + r * KERF_Q8_TILE;
    for (int i = 0; i < s->columns; i++) y[i] = scaled(acc, s->init, s->scale, s->factor[r], i);
  }
}

KERF_TARGET static void greatest(const float *v, int64_t row, int64_t rows, int64_t columns, float *most) {
  memset(most, 0, (size_t)columns * sizeof *most);
  for (int64_t r = 0; r < rows; r++, v += row) {
    for (int64_t i = 0; i < columns; i++) {
      const float x = __builtin_fabsf(v[i]);
      most[i] = x > most[i] ? x : most[i];
    }
  }
}

KERF_TARGET static void encode(const kerf_attention_u8_values *v, int8_t codes[4][KERF_ATTENTION_U8_GROUP]) {
  memset(codes, 0, 4 * KERF_ATTENTION_U8_GROUP);
  const float *const steps = v->steps;
  float *restrict carry = v->carry;
  for (int r = 0; r < v->rows; r++) {
    const float *const x = v->v + r * v->row;
    int8_t *restrict to = codes[r];
    const int columns = v->columns;
    for (int i = 0; i < columns; i++) {
      const float step = x[i] * steps[i], wanted = step + carry[i];
      const int32_t code = rounded(wanted, -KERF_ATTENTION_U8_VALUE, KERF_ATTENTION_U8_VALUE);
      to[i] = (int8_t)code;
      carry[i] = wanted - (float)code;
    }
  }
}

static const kerf_attention_u8_isa isa = {&KERF_Q8, KERF_SOFTEN, store_codes, store_floats, greatest, encode};

int KERF_FN(kerf_run_attention_u8)(const kerf_call *call) { return kerf_run_attention_u8(call, &isa); }
