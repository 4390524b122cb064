static inline double uniform_draw(int64_t key, int32_t event, int64_t synapse) {
    return _presyn_unit(_presyn_mixed(_presyn_state(key, event, synapse)));
}
