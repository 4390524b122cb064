static inline double site_sum_draw(int64_t key, int64_t site_key, int32_t event, int32_t n, double p,
                                   double cv, int32_t power, int64_t synapse) {
    const uint64_t state = _presyn_state(key, event, synapse);
    const double scaled = _presyn_probability(p) * 256.0;
    const int64_t first = scaled < 255.0 ? (int64_t)scaled : 255;
    double total = 0.0;
    for (int32_t site = 0; site < n; site++) {
        const uint64_t word = _presyn_word(state, (uint32_t)site / 8);
        const int64_t digit = (int64_t)((word >> (8 * (site % 8))) & 0xFF);
        const double rest = scaled - (double)first;
        if (digit > first || (digit == first && !_presyn_tie_is_released(state, (uint32_t)site, rest)))
            continue;
        const uint64_t bits = _presyn_mixed(_presyn_state(site_key, site, synapse));
        const double size = 1.0 + cv * _presyn_normal(bits);
        total += power == 1 ? size : size * size;
    }
    return total;
}
