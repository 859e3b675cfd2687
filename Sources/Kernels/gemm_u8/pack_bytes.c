// Packing of a matrix that is only known while running: rows of 16 bytes are woven into blocks of 4 k, in vectors that
// compilers have for every instruction set.
#include "gemm_u8.h"

enum { WIDTH = KERF_Q8_PANEL, FLUSH = 64 };  // FLUSH blocks: 256 rows, whose sums fit 16 bits

typedef uint8_t bytes __attribute__((vector_size(16)));
typedef int8_t signed_bytes __attribute__((vector_size(16)));
typedef uint16_t pairs __attribute__((vector_size(16)));
typedef uint32_t fours __attribute__((vector_size(16)));
typedef int16_t words __attribute__((vector_size(32)));

KERF_INLINE bytes load(const uint8_t *p) {
  bytes v;
  memcpy(&v, p, sizeof v);
  return v;
}

KERF_INLINE bytes all(uint8_t v) {
  bytes r;
  memset(&r, v, sizeof r);
  return r;
}

/// Four rows of 16 columns as one block: for each column its four bytes.
KERF_INLINE void weave(const bytes r[4], uint8_t *to) {
#define LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
  const pairs a = (pairs)__builtin_shufflevector(r[0], r[1], LOW), b = (pairs)__builtin_shufflevector(r[2], r[3], LOW);
  const pairs c = (pairs)__builtin_shufflevector(r[0], r[1], HIGH), d = (pairs)__builtin_shufflevector(r[2], r[3], HIGH);
  const pairs out[4] = {
    __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11), __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15),
    __builtin_shufflevector(c, d, 0, 8, 1, 9, 2, 10, 3, 11), __builtin_shufflevector(c, d, 4, 12, 5, 13, 6, 14, 7, 15),
  };
  memcpy(to, out, sizeof out);
}

/// Four values of four rows, turned: out[i] holds value i of each row.
KERF_INLINE void turn(const fours r[4], fours out[4]) {
  const fours a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5), b = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
  const fours c = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7), d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
  out[0] = __builtin_shufflevector(a, b, 0, 1, 4, 5);
  out[1] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
  out[2] = __builtin_shufflevector(c, d, 0, 1, 4, 5);
  out[3] = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}

/// A panel of `width` columns of b[k, n], b at its first column, and the columns' sums.
static void pack_rows(int64_t k, int64_t n, int64_t width, const uint8_t *b, uint8_t flip, uint8_t *to, int32_t *sums) {
  const bytes flips = all(flip);
  for (int64_t from = 0; from < k; from += 4 * FLUSH) {
    words sum = {0};
    for (int64_t at = from; at < kerf_min(k, from + 4 * FLUSH); at += 4, to += 64) {
      bytes r[4];
      for (int i = 0; i < 4; i++) {
        bytes v = flips;
        if (at + i < k && width == WIDTH) v = load(b + (at + i) * n);
        else if (at + i < k) memcpy(&v, b + (at + i) * n, (size_t)width);
        r[i] = v ^ flips;
        sum += __builtin_convertvector((signed_bytes)r[i], words);
      }
      weave(r, to);
    }
    for (int c = 0; c < WIDTH; c++) sums[c] = (int32_t)((uint32_t)sums[c] + (uint32_t)sum[c]);
  }
}

/// The same of `width` rows of b[n, k].
static void pack_columns(int64_t k, int64_t width, const uint8_t *b, uint8_t flip, uint8_t *to, int32_t *sums) {
  const bytes flips = all(flip);
  const int64_t whole = width == WIDTH ? k / 16 * 16 : 0;
  for (int64_t at = 0; at < whole; at += 16) {
    for (int c = 0; c < WIDTH; c += 4) {
      fours r[4], out[4];
      for (int i = 0; i < 4; i++) r[i] = (fours)(load(b + (c + i) * k + at) ^ flips);
      turn(r, out);
      for (int i = 0; i < 4; i++) memcpy(to + at * 16 + i * 64 + c * 4, &out[i], sizeof out[i]);
    }
  }
  for (int64_t c = 0; c < width; c++, b += k) {
    uint32_t sum = 0;
    for (int64_t at = 0; at < k; at++) sum += (uint8_t)(b[at] ^ flip ^ 0x80);
    sums[c] = (int32_t)(sum - 128 * (uint32_t)k);
    for (int64_t at = whole; at < k; at++) to[at / 4 * 64 + c * 4 + at % 4] = b[at] ^ flip;
  }
}

void kerf_q8_pack_bytes(int64_t k, int64_t n, bool transposed, const uint8_t *b, uint8_t flip, void *packed) {
  const int64_t blocks = kerf_ceil_div(k, 4), panels = kerf_ceil_div(n, KERF_Q8_PANEL);
  int32_t *sums = packed;
  uint8_t *to = (uint8_t *)packed + panels * 64;
  memset(sums, 0, (size_t)panels * 64);
  for (int64_t column = 0; column < n; column += WIDTH, to += blocks * 64) {
    const int64_t width = kerf_min(WIDTH, n - column);
    if (!transposed) {
      pack_rows(k, n, width, b + column, flip, to, sums + column);
      continue;
    }
    if (width < WIDTH || k % 16) memset(to, 0, (size_t)blocks * 64);
    pack_columns(k, width, b + column * k, flip, to, sums + column);
  }
  if (n > 0) *to = 0;  // whether pairs fit is not worth finding out for one product
}
