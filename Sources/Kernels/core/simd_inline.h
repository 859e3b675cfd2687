// How the vector vocabulary and the templates over it are inlined: always in optimized builds. Without optimization
// every inlined temporary would have its own place on the stack, which such builds of large functions overflow.
#if defined(__OPTIMIZE__)
#define V static inline __attribute__((always_inline, unused))
#else
#define V static inline __attribute__((unused))
#endif
