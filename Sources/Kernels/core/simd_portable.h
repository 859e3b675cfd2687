// The vector vocabulary of the float kernels in plain C with the vector extension of GCC and Clang: 4 lanes, compiled
// to whatever the target's baseline has. See simd_avx512.h.
#include <math.h>
#include <stdint.h>
#include <string.h>

#define KERF_FN(name) name##_portable
#define VW 4
#include "simd_inline.h"

typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
typedef vi vm;

V vf vload(const float *p) { vf a; memcpy(&a, p, sizeof a); return a; }
V void vstore(float *p, vf a) { memcpy(p, &a, sizeof a); }
V vf vloadn(const float *p, int64_t n) { vf a = {0, 0, 0, 0}; memcpy(&a, p, (size_t)n * sizeof *p); return a; }
V void vstoren(float *p, vf a, int64_t n) { memcpy(p, &a, (size_t)n * sizeof *p); }
V vf vset(float x) { return (vf){x, x, x, x}; }
V vf vzero(void) { return vset(0); }
V vi viset(int32_t x) { return (vi){x, x, x, x}; }
V vf vasf(vi a) { return (vf)a; }
V vi vasi(vf a) { return (vi)a; }
V vf vadd(vf a, vf b) { return a + b; }
V vf vsub(vf a, vf b) { return a - b; }
V vf vmul(vf a, vf b) { return a * b; }
V vf vdiv(vf a, vf b) { return a / b; }
V vf vfma(vf a, vf b, vf c) { return a * b + c; }
V vf vfnma(vf a, vf b, vf c) { return c - a * b; }
V vm vlt(vf a, vf b) { return (vm)(a < b); }
V vm vle(vf a, vf b) { return (vm)(a <= b); }
V vm veq(vf a, vf b) { return (vm)(a == b); }
V vm vunord(vf a, vf b) { return (vm)(a != a) | (vm)(b != b); }
V vf vsel(vm m, vf a, vf b) { return vasf((m & vasi(a)) | (~m & vasi(b))); }
V vf vkeep(vm m, vf a) { return vasf(m & vasi(a)); }
V vf vmin(vf a, vf b) { return vsel(vlt(a, b), a, b); }
V vf vmax(vf a, vf b) { return vsel(vlt(b, a), a, b); }
V vf vsqrt(vf a) {
  return (vf){__builtin_sqrtf(a[0]), __builtin_sqrtf(a[1]), __builtin_sqrtf(a[2]), __builtin_sqrtf(a[3])};
}
V vf vabs(vf a) { return vasf(vasi(a) & viset(0x7fffffff)); }
/// Adding and taking away 2^23 rounds in the current mode (half to even); larger values are integral already.
V vf vround(vf a) {
  const vf big = vset(0x1p23f), x = vabs(a);
  const vf shifted = x + big;
  const vf r = vsel(vlt(x, big), shifted - big, x);
  return vasf(vasi(r) | (vasi(a) & viset((int32_t)0x80000000)));
}
V vf vsigned_like(vf r, vf a) { return vasf(vasi(vabs(r)) | (vasi(a) & viset((int32_t)0x80000000))); }
V vf vfloor(vf a) { const vf r = vround(a); return vsigned_like(r - vkeep(vlt(a, r), vset(1)), a); }
V vf vceil(vf a) { const vf r = vround(a); return vsigned_like(r + vkeep(vlt(r, a), vset(1)), a); }
V vi vint(vf a) { return __builtin_convertvector(a, vi); }
V vf vfloat(vi a) { return __builtin_convertvector(a, vf); }
V vi vibytes(const int8_t *p) { return (vi){p[0], p[1], p[2], p[3]}; }
V vi vihalves(const int8_t *p) {
  const int16_t halves[8] = {p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]};
  vi a;
  memcpy(&a, halves, sizeof a);
  return a;
}
V vi vimadd(vi a, vi b) {
  int16_t x[8], y[8];
  memcpy(x, &a, sizeof x);
  memcpy(y, &b, sizeof y);
  return (vi){x[0] * y[0] + x[1] * y[1], x[2] * y[2] + x[3] * y[3], x[4] * y[4] + x[5] * y[5], x[6] * y[6] + x[7] * y[7]};
}
V vi viadd(vi a, vi b) { return a + b; }
V vi visub(vi a, vi b) { return a - b; }
V vi viand(vi a, vi b) { return a & b; }
V vi vior(vi a, vi b) { return a | b; }
#define vishl(a, n) ((a) << (n))
#define vishr(a, n) ((a) >> (n))
V float vsum(vf a) { return (a[0] + a[2]) + (a[1] + a[3]); }
V float vtop(vf a) {
  const float x = a[0] > a[1] ? a[0] : a[1], y = a[2] > a[3] ? a[2] : a[3];
  return x > y ? x : y;
}
V float vbottom(vf a) {
  const float x = a[0] < a[1] ? a[0] : a[1], y = a[2] < a[3] ? a[2] : a[3];
  return x < y ? x : y;
}
