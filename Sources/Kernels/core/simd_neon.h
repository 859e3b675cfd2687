// The vector vocabulary of the float kernels on NEON: 4 lanes. See simd_avx512.h; here vmin and vmax return NaN when
// either operand is NaN.
#include <arm_neon.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define KERF_FN(name) name##_neon
#define VW 4
#include "simd_inline.h"

typedef float32x4_t vf;
typedef int32x4_t vi;
typedef uint32x4_t vm;

V vf vload(const float *p) { return vld1q_f32(p); }
V void vstore(float *p, vf a) { vst1q_f32(p, a); }
V vf vloadn(const float *p, int64_t n) {
  float lanes[4] = {0, 0, 0, 0};
  memcpy(lanes, p, (size_t)n * sizeof *p);
  return vld1q_f32(lanes);
}
V void vstoren(float *p, vf a, int64_t n) {
  float lanes[4];
  vst1q_f32(lanes, a);
  memcpy(p, lanes, (size_t)n * sizeof *p);
}
V vf vset(float x) { return vdupq_n_f32(x); }
V vf vzero(void) { return vdupq_n_f32(0); }
V vf vadd(vf a, vf b) { return vaddq_f32(a, b); }
V vf vsub(vf a, vf b) { return vsubq_f32(a, b); }
V vf vmul(vf a, vf b) { return vmulq_f32(a, b); }
V vf vdiv(vf a, vf b) { return vdivq_f32(a, b); }
V vf vfma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
V vf vfnma(vf a, vf b, vf c) { return vfmsq_f32(c, a, b); }
V vf vmin(vf a, vf b) { return vminq_f32(a, b); }
V vf vmax(vf a, vf b) { return vmaxq_f32(a, b); }
V vf vsqrt(vf a) { return vsqrtq_f32(a); }
V vf vabs(vf a) { return vabsq_f32(a); }
V vm vlt(vf a, vf b) { return vcltq_f32(a, b); }
V vm vle(vf a, vf b) { return vcleq_f32(a, b); }
V vm veq(vf a, vf b) { return vceqq_f32(a, b); }
V vm vunord(vf a, vf b) { return vmvnq_u32(vandq_u32(vceqq_f32(a, a), vceqq_f32(b, b))); }
V vf vsel(vm m, vf a, vf b) { return vbslq_f32(m, a, b); }
V vf vkeep(vm m, vf a) { return vreinterpretq_f32_u32(vandq_u32(m, vreinterpretq_u32_f32(a))); }
V vf vround(vf a) { return vrndnq_f32(a); }
V vf vfloor(vf a) { return vrndmq_f32(a); }
V vf vceil(vf a) { return vrndpq_f32(a); }
V vi vint(vf a) { return vcvtnq_s32_f32(a); }
V vf vfloat(vi a) { return vcvtq_f32_s32(a); }
V vf vasf(vi a) { return vreinterpretq_f32_s32(a); }
V vi vasi(vf a) { return vreinterpretq_s32_f32(a); }
V vi viset(int32_t x) { return vdupq_n_s32(x); }
V vi vibytes(const int8_t *p) {
  int32_t four;
  memcpy(&four, p, 4);
  return vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8((uint64_t)(uint32_t)four))));
}
V vi vihalves(const int8_t *p) { return vreinterpretq_s32_s16(vmovl_s8(vld1_s8(p))); }
V vi vimadd(vi a, vi b) {
  const int16x8_t x = vreinterpretq_s16_s32(a), y = vreinterpretq_s16_s32(b);
  return vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(y)), vmull_high_s16(x, y));
}
V vi viadd(vi a, vi b) { return vaddq_s32(a, b); }
V vi visub(vi a, vi b) { return vsubq_s32(a, b); }
V vi viand(vi a, vi b) { return vandq_s32(a, b); }
V vi vior(vi a, vi b) { return vorrq_s32(a, b); }
#define vishl(a, n) vshlq_n_s32(a, n)
#define vishr(a, n) vshrq_n_s32(a, n)
V float vsum(vf a) { return vaddvq_f32(a); }
V float vtop(vf a) { return vmaxvq_f32(a); }
V float vbottom(vf a) { return vminvq_f32(a); }
