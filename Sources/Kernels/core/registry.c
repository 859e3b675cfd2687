#include "kerf_kernels.h"
