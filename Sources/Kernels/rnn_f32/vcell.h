// Activations of recurrent cells, over the vocabulary of a simd_… header.
#include "../core/vmath.h"

/// tanh, 6 ULP: a rational minimax fit on [-8.2, 8.2], made for this file; NaN stays.
V vf vcell_tanh(vf a) {
  const vf x = vmin(vset(8.2f), vmax(vset(-8.2f), a)), u = vmul(x, x);
  vf n = vfma(vset(1.48417438e-08f), u, vset(2.16381359e-05f));
  n = vfma(n, u, vset(3.55673884e-03f));
  n = vfma(n, u, vset(1.34321675e-01f));
  n = vfma(n, u, vset(1));
  vf d = vfma(vset(8.37109098e-07f), u, vset(3.38652695e-04f));
  d = vfma(d, u, vset(2.61084996e-02f));
  d = vfma(d, u, vset(4.67654943e-01f));
  d = vfma(d, u, vset(1));
  return vdiv(vmul(x, n), d);
}
/// (1 + tanh(a / 2)) / 2 within 2e-7.
V vf vcell_sigmoid(vf a) { return vfma(vset(0.5f), vcell_tanh(vmul(vset(0.5f), a)), vset(0.5f)); }
