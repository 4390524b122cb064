static inline int32_t bernoulli_draw(int64_t key, int32_t event, double p, int64_t synapse) {
    return _presyn_unit(_presyn_mixed(_presyn_state(key, event, synapse))) < p;
}
