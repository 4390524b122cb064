static inline double normal_draw(int64_t key, int32_t event, int64_t synapse) {
    return _presyn_normal(_presyn_mixed(_presyn_state(key, event, synapse)));
}
