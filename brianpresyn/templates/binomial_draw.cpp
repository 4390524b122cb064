// Up to eight sites, which is all that most synapses have, take one word. More are drawn apart: they would
// take the registers of the loop around them.
#ifndef PRESYN_BINOMIAL
#define PRESYN_BINOMIAL
struct _presyn_sites { uint64_t below, tied; };
static inline _presyn_sites _presyn_compared(uint64_t bits, uint8_t first, int32_t n) {
    const uint64_t exist = 0x0101010101010101ull >> (8 * (8 - n));
#if defined(__GNUC__)
    typedef uint8_t bytes __attribute__((vector_size(16)));
    typedef uint64_t words __attribute__((vector_size(16)));
    const bytes digits = (bytes)(words){bits, 0}, firsts = first - (bytes){};
    return {((words)(digits < firsts))[0] & exist, ((words)(digits == firsts))[0] & exist};
#else
    _presyn_sites sites = {0, 0};
    for (int32_t k = 0; k < n; k++) {
        const uint64_t digit = (bits >> (8 * k)) & 0xFF;
        sites.below |= (uint64_t)(digit < first) << (8 * k);
        sites.tied |= (uint64_t)(digit == first) << (8 * k);
    }
    return sites;
#endif
}
static inline int32_t _presyn_count(uint64_t bytes) {
    return (int32_t)((bytes * 0x0101010101010101ull) >> 56);
}
static inline int32_t _presyn_lowest_byte(uint64_t bytes) {
    return _presyn_count(((bytes & (0 - bytes)) - 1) & 0x0101010101010101ull);
}
static inline int32_t _presyn_first(double p) {
    const int32_t scaled = (int32_t)(_presyn_probability(p) * 256.0);
    return scaled < 255 ? scaled : 255;
}
// Nearly always there is one tie: a loop over all sites would be mispredicted.
PRESYN_APART static int32_t _presyn_break_ties(uint64_t state, uint64_t tied, int32_t site, double p) {
    const double rest = _presyn_probability(p) * 256.0 - (double)_presyn_first(p);
    int32_t released = 0;
    for (; tied; tied &= tied - 1)
        released += _presyn_tie_is_released(state, (uint32_t)(site + _presyn_lowest_byte(tied)), rest);
    return released;
}
static inline int32_t _presyn_word_of_sites(uint64_t state, int32_t word, int32_t n, uint8_t first, double p) {
    const _presyn_sites sites = _presyn_compared(_presyn_word(state, (uint32_t)word), first, n);
    const int32_t released = _presyn_count(sites.below);
    return sites.tied ? released + _presyn_break_ties(state, sites.tied, 8 * word, p) : released;
}
PRESYN_APART static int32_t _presyn_many_words(uint64_t state, int32_t n, uint8_t first, double p) {
    int32_t released = 0;
    for (int32_t word = 0; 8 * word < n; word++)
        released += _presyn_word_of_sites(state, word, n - 8 * word < 8 ? n - 8 * word : 8, first, p);
    return released;
}
static inline int32_t _presyn_binomial_from(uint64_t state, int32_t n, double p) {
    const uint8_t first = (uint8_t)_presyn_first(p);
    if (n <= 0) return 0;
    return n > 8 ? _presyn_many_words(state, n, first, p) : _presyn_word_of_sites(state, 0, n, first, p);
}
static inline int32_t binomial_draw(int64_t key, int32_t event, int32_t n, double p, int64_t synapse) {
    return _presyn_binomial_from(_presyn_state(key, event, synapse), n, p);
}
#endif
