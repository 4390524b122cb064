// Guarded: one program may hold several functions that need it.
#ifndef PRESYN_NORMAL
#define PRESYN_NORMAL
static inline double _presyn_normal(uint64_t bits) {
    const double radius = sqrt(-2.0 * log(((double)(bits >> 32) + 0.5) * (1.0 / 4294967296.0)));
    return radius * cos(6.283185307179586 * ((double)(uint32_t)bits * (1.0 / 4294967296.0)));
}
#endif
