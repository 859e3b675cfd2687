#include "kerf_custom_operator.h"
