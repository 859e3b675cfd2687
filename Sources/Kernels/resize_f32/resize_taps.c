// Which input positions an output position takes, by the ONNX Resize rules.
#include <math.h>

#include "resize_f32.h"

/// The position in the input, before clamping.
static double source(const kerf_resize_axis *a, int64_t i) {
  const double x = (double)i, length = (double)a->length, size = (double)a->size;
  switch (a->coordinate) {
    case 1: return x / a->scale;
    case 2: return a->size > 1 ? (x + 0.5) / a->scale - 0.5 : 0;
    case 3: return a->size == 1 ? 0 : x * (length - 1) / (size - 1);
    case 4: return length / 2 * (1 - size / (a->scale * length)) + (x + 0.5) / a->scale - 0.5;
    case 5: return (x + 0.5) / a->scale;
    default: return (x + 0.5) / a->scale - 0.5;
  }
}

static int64_t clamp_index(const kerf_resize_axis *a, int64_t i) { return i < 0 ? 0 : kerf_min(i, a->length - 1); }

/// Into the range that conversion to an integer can take; NaN becomes 0.
static double bounded(const kerf_resize_axis *a, double x) {
  const double top = (double)a->length + 4;
  return x >= -4 ? (x <= top ? x : top) : x < -4 ? -4 : 0;
}

static void fill_nearest(const kerf_resize_axis *a, double x, kerf_resize_taps *t) {
  const double r = a->nearest == 0   ? ceil(x - 0.5)
                   : a->nearest == 1 ? floor(x + 0.5)
                   : a->nearest == 2 ? floor(x)
                                     : ceil(x);
  *t = (kerf_resize_taps){{clamp_index(a, (int64_t)r)}, {1}};
}

static void fill_linear(const kerf_resize_axis *a, double x, kerf_resize_taps *t) {
  const double inside = x < 0 ? 0 : x > (double)(a->length - 1) ? (double)(a->length - 1) : x, low = floor(inside);
  const double share = inside - low;
  *t = (kerf_resize_taps){{clamp_index(a, (int64_t)low), clamp_index(a, (int64_t)low + 1)},
                          {(float)(1 - share), (float)share}};
}

/// The cubic convolution kernel with parameter a at distance d.
static double cubic(double a, double d) {
  d = fabs(d);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

static void fill_cubic(const kerf_resize_axis *a, double x, kerf_resize_taps *t) {
  const double low = floor(x);
  double weights[4], sum = 0;
  for (int k = 0; k < 4; k++) {
    const int64_t at = (int64_t)low - 1 + k;
    const bool outside = at < 0 || at >= a->length;
    weights[k] = outside && a->exclude_outside ? 0 : cubic(a->cubic_a, x - (low - 1 + k));
    sum += weights[k];
    t->at[k] = clamp_index(a, at);
  }
  for (int k = 0; k < 4; k++) t->weight[k] = (float)(a->exclude_outside ? weights[k] / sum : weights[k]);
}

void kerf_resize_fill(const kerf_resize_axis *axis, kerf_resize_taps *taps) {
  for (int64_t i = 0; i < axis->size; i++) {
    const double x = bounded(axis, source(axis, i));
    if (axis->mode == 0) fill_nearest(axis, x, taps + i);
    else if (axis->mode == 1) fill_linear(axis, x, taps + i);
    else fill_cubic(axis, x, taps + i);
  }
}
