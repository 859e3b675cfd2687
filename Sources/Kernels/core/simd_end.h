// Ends the region that a simd_… header began.
#if defined(__x86_64__) && VW >= 8
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
