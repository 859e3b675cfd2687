// The function bodies of the ONNX standard, an ONNX file written by scripts/function_bodies.py.
#include "connx.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const uint8_t bodies[] = {
#embed "function_bodies.onnx"
};

kx_bytes kx_function_bodies(void) { return (kx_bytes){bodies, sizeof bodies}; }
