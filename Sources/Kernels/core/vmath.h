// Elementary functions on vectors, over the vocabulary of a simd_… header. The polynomials are minimax fits made for this
// file; the bounds stated are the largest errors seen against double precision over the whole range (FloatMathTests).

/// 2^n as a product of two factors, so that results down to the smallest denormal and up to infinity come out right.
V vf vscale2(vf x, vi n) {
  const vi half = vishr(n, 1), rest = visub(n, half), bias = viset(127);
  return vmul(vmul(x, vasf(vishl(viadd(half, bias), 23))), vasf(vishl(viadd(rest, bias), 23)));
}

/// exp(r) - 1 - r over r^2 for |r| <= ln(2)/2.
V vf vexp_tail(vf r) {
  vf p = vfma(vset(1.975819614e-04f), r, vset(1.393350074e-03f));
  p = vfma(p, r, vset(8.333510719e-03f));
  p = vfma(p, r, vset(4.166646674e-02f));
  p = vfma(p, r, vset(1.666666567e-01f));
  return vfma(p, r, vset(0.5f));
}

/// x = n ln 2 + r, for x within the range of exp.
V vf vexp_reduce(vf x, vf *r) {
  const vf n = vround(vmul(x, vset(1.442695041f)));
  *r = vfnma(n, vset(-2.12194440e-4f), vfnma(n, vset(0.693359375f), x));
  return n;
}

/// exp, 2 ULP.
V vf vexp(vf x) {
  vf r;
  const vf n = vexp_reduce(vmax(vmin(x, vset(89.0f)), vset(-105.0f)), &r);
  const vf y = vadd(vfma(vmul(r, r), vexp_tail(r), r), vset(1));
  return vsel(vunord(x, x), x, vscale2(y, vint(n)));
}

/// exp(x) - 1, 3 ULP.
V vf vexpm1(vf x) {
  vf r;
  const vf n = vexp_reduce(vmax(vmin(x, vset(89.0f)), vset(-18.0f)), &r);
  const vf tail = vfma(vmul(r, r), vexp_tail(r), r);  // exp(r) - 1
  const vf scale = vscale2(vset(1), vint(n));
  const vf y = vadd(vmul(tail, scale), vsub(scale, vset(1)));
  const vf large = vscale2(vadd(tail, vset(1)), vint(n));
  return vsel(vunord(x, x), x, vsel(vlt(vset(80.0f), x), large, y));
}

/// The natural logarithm, 2 ULP; -inf at 0, NaN below.
V vf vlog(vf x) {
  const vm tiny = vlt(x, vset(0x1p-126f));
  const vf scaled = vsel(tiny, vmul(x, vset(0x1p25f)), x);
  const vi bits = visub(vasi(scaled), viset(0x3f3504f3));  // sqrt(1/2): mantissas of 0.707...1.414
  const vf n = vsub(vfloat(vishr(bits, 23)), vkeep(tiny, vset(25)));
  const vf f = vsub(vasf(viadd(viand(bits, viset(0x007fffff)), viset(0x3f3504f3))), vset(1));
  vf p = vfma(vset(6.921041757e-02f), f, vset(-1.178069264e-01f));
  p = vfma(p, f, vset(1.186513007e-01f));
  p = vfma(p, f, vset(-1.238555312e-01f));
  p = vfma(p, f, vset(1.422002167e-01f));
  p = vfma(p, f, vset(-1.666921675e-01f));
  p = vfma(p, f, vset(2.000214607e-01f));
  p = vfma(p, f, vset(-2.499998659e-01f));
  p = vfma(p, f, vset(3.333331048e-01f));
  const vf f2 = vmul(f, f);
  vf y = vfma(n, vset(-2.12194440e-4f), vmul(vmul(p, f), f2));
  y = vadd(f, vfnma(f2, vset(0.5f), y));
  y = vfma(n, vset(0.693359375f), y);
  y = vsel(vlt(x, vset(INFINITY)), y, x);  // infinity and NaN stay
  y = vsel(vlt(x, vzero()), vset(NAN), y);
  return vsel(veq(x, vzero()), vset(-INFINITY), y);
}

/// log(1 + e) for 0 <= e <= 1, 3 ULP.
V vf vlog1p_unit(vf e) {
  const vf u = vadd(e, vset(1)), lost = vsub(e, vsub(u, vset(1)));
  return vadd(vlog(u), vdiv(lost, u));
}

V vf vcopysign(vf magnitude, vf sign) {
  return vasf(vior(vasi(vabs(magnitude)), viand(vasi(sign), viset((int32_t)0x80000000))));
}

/// tanh, 3 ULP.
V vf vtanh(vf x) {
  const vf a = vabs(x), z = vmul(x, x);
  vf p = vfma(vset(-5.750471260e-03f), z, vset(2.068497799e-02f));
  p = vfma(p, z, vset(-5.375599489e-02f));
  p = vfma(p, z, vset(1.333167702e-01f));
  p = vfma(p, z, vset(-3.333329260e-01f));
  const vf small = vfma(vmul(p, z), x, x);
  const vf e = vexp(vadd(a, a));
  const vf large = vsub(vset(1), vdiv(vset(2), vadd(e, vset(1))));
  return vsel(vlt(a, vset(0.625f)), small, vcopysign(large, x));
}

/// 1 / (1 + exp(-x)), 3 ULP, also where the result is denormal.
V vf vsigmoid(vf x) {
  const vf e = vexp(vsub(vzero(), vabs(x))), d = vadd(e, vset(1));
  return vdiv(vsel(vlt(x, vzero()), e, vset(1)), d);
}

/// The error function, 3 ULP.
V vf verf(vf x) {
  const vf s = vmul(x, x), t = vmin(vabs(x), vset(4.0f));
  vf p = vfma(vset(-5.953741493e-04f), s, vset(4.985940643e-03f));
  p = vfma(p, s, vset(-2.676171996e-02f));
  p = vfma(p, s, vset(1.128168255e-01f));
  p = vfma(p, s, vset(-3.761247993e-01f));
  p = vfma(p, s, vset(1.283791512e-01f));
  const vf small = vfma(p, x, x);
  vf q = vfma(vset(-1.123134643e-05f), t, vset(3.228042624e-04f));
  q = vfma(q, t, vset(-3.642460797e-03f));
  q = vfma(q, t, vset(2.376206592e-02f));
  q = vfma(q, t, vset(-1.062368825e-01f));
  q = vfma(q, t, vset(-6.351513267e-01f));
  q = vfma(q, t, vset(-1.286484897e-01f));
  const vf large = vsub(vset(1), vexp(vfma(q, t, vsub(vzero(), t))));
  const vf y = vsel(vlt(vabs(x), vset(0.92f)), small, vcopysign(large, x));
  return vsel(vunord(x, x), x, y);
}
