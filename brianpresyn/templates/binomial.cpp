static inline int32_t binomial(int32_t n, double p, int _vectorisation_idx) {
    if (p >= 1.0) return n;
    if (!(p > 0.0)) return 0;
    int32_t released = 0;
    for (; n > 0; n -= 64)
        released += _presyn_inverse_binomial(_rand(_vectorisation_idx),
                                             n < 64 ? n : 64, p);
    return released;
}
