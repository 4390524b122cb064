// The generator: see the contract of the draw in brianpresyn/counter_random.py.
#ifndef PRESYN_GENERATOR
#define PRESYN_GENERATOR
#if defined(_OPENMP) || defined(PRESYN_THREADS)
#define PRESYN_OWN_OF_THREAD static thread_local
#else
#define PRESYN_OWN_OF_THREAD static
#endif
#if defined(__GNUC__)
#define PRESYN_APART __attribute__((noinline))
#else
#define PRESYN_APART
#endif
static const uint64_t _presyn_word_step = 0xD6E8FEB86659FD93ull, _presyn_synapse_step = 0xD1342543DE82EF95ull;
static inline uint64_t _presyn_mixed(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}
// The step is 0x9E3779B97F4A7C15, as two products of 32 bits: vector units are faster with these.
static inline uint64_t _presyn_at_event(uint64_t stream, int32_t event) {
    const uint64_t number = (uint32_t)event;
    return stream + number * 0x7F4A7C15u + ((number * 0x9E3779B9u) << 32);
}
static inline uint64_t _presyn_state(int64_t key, int32_t event, int64_t synapse) {
    return _presyn_at_event(_presyn_mixed((uint64_t)key) + (uint64_t)synapse * _presyn_synapse_step, event);
}
static inline uint64_t _presyn_word(uint64_t state, uint32_t word) {
    return _presyn_mixed(state + word * _presyn_word_step);
}
// 52 bits as the fraction of a number from 1 to 2: unlike a conversion, all vector units can do that.
static inline double _presyn_unit(uint64_t bits) {
    const uint64_t from_one_to_two = (bits >> 12) | 0x3FF0000000000000ull;
    double value;
    memcpy(&value, &from_one_to_two, sizeof value);
    return value - 1.0;
}
static inline double _presyn_probability(double p) {
    return p > 0.0 ? (p < 1.0 ? p : 1.0) : 0.0;
}
static inline bool _presyn_tie_is_released(uint64_t state, uint32_t site, double rest) {
    const uint64_t bits = _presyn_mixed(state + (0x80000000ull + site) * _presyn_word_step) >> 11;
    return (int64_t)bits < (int64_t)(rest * 9007199254740992.0);
}
#endif
