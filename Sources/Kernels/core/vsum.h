// Long sums, over the vocabulary of a simd_… header: the rounding errors of the additions are summed on the side, so
// the error of a sum does not grow with its length.

/// A sum and what its additions lost.
typedef struct KERF_FN(kerf_vsum) {
  vf high, low;
} vsum2;

V vsum2 vsum2_zero(void) { return (vsum2){vzero(), vzero()}; }

/// s + x (Knuth's TwoSum).
V vsum2 vsum2_add(vsum2 s, vf x) {
  const vf high = vadd(s.high, x), part = vsub(high, s.high);
  const vf lost = vadd(vsub(s.high, vsub(high, part)), vsub(x, part));
  return (vsum2){high, vadd(s.low, lost)};
}

/// What was lost, zero where the sum is infinite or NaN (inf - inf above).
V vf vsum2_lost(vsum2 s) { return vsel(vunord(s.low, s.low), vzero(), s.low); }
V vf vsum2_value(vsum2 s) { return vadd(s.high, vsum2_lost(s)); }

/// All lanes, in order.
V double vsum2_total(vsum2 s) {
  float high[VW], low[VW];
  double sum = 0;
  vstore(high, s.high);
  vstore(low, vsum2_lost(s));
  for (int i = 0; i < VW; i++) sum += (double)high[i] + (double)low[i];
  return sum;
}
