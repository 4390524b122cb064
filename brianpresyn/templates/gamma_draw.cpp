static inline double _presyn_open_unit(uint64_t bits) {
    return ((double)(bits >> 11) + 0.5) * (1.0 / 9007199254740992.0);
}
static inline double gamma_draw(int64_t key, int32_t event, double shape, int64_t synapse) {
    const uint64_t state = _presyn_state(key, event, synapse);
    if (!(shape > 0.0)) return 0.0;
    // So narrow that no double tells it from its mean, and for an infinite shape nothing would be accepted.
    if (shape > 1e30) return shape;
    const double d = (shape < 1.0 ? shape + 1.0 : shape) - 1.0 / 3.0;
    double v;
    for (uint32_t word = 1;; word += 2) {
        const double x = _presyn_normal(_presyn_word(state, word));
        v = 1.0 + x / sqrt(9.0 * d);
        v = v * v * v;
        if (v <= 0.0) continue;
        const double u = _presyn_open_unit(_presyn_word(state, word + 1));
        if (log(u) < 0.5 * x * x + d - d * v + d * log(v)) break;
    }
    return d * v * (shape < 1.0 ? pow(_presyn_open_unit(_presyn_mixed(state)), 1.0 / shape) : 1.0);
}
