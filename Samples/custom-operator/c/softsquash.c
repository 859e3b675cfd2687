// sample.Softsquash in C: y = x / (1 + factor * |x|).
#include <kerf_custom_operator.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static int32_t infer(const kerf_custom_call *call) {
  if (call->input_count != 1 || call->inputs[0].type != KERF_CUSTOM_FLOAT32) {
    snprintf(call->message, call->message_size, "takes one float tensor");
    return 1;
  }
  call->outputs[0] = call->inputs[0];  // type, rank and dimensions, known or not
  return 0;
}

static float factor(const kerf_custom_call *call) {
  for (size_t i = 0; i < call->attribute_count; ++i) {
    if (strcmp(call->attributes[i].name, "factor") == 0) return *(const float *)call->attributes[i].value.data;
  }
  return 1;
}

static int32_t evaluate(const kerf_custom_call *call) {
  const float *x = call->inputs[0].data;
  float *y = call->outputs[0].data;
  const float f = factor(call);
  for (size_t i = 0; i < call->outputs[0].byte_count / sizeof(float); ++i) y[i] = x[i] / (1 + f * fabsf(x[i]));
  return 0;
}

static const kerf_custom_operator softsquash = {KERF_CUSTOM_OPERATOR_VERSION, "sample", "Softsquash", infer, evaluate};

const kerf_custom_operator *const *kerf_custom_operators(void) {
  static const kerf_custom_operator *const table[] = {&softsquash, NULL};
  return table;
}
