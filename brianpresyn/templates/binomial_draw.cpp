// Up to eight sites, which is all that most synapses have, take one word. More are drawn apart: they would
// take the registers of the loop around them. What draws several synapses at once (see two_loops.py) has no
// branch: it takes two words for each, and returns -1 where there is a tie, or more sites than these hold.
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
PRESYN_APART static int32_t _presyn_break_ties(uint64_t state, uint64_t tied, uint32_t site, double rest) {
    int32_t released = 0;
    for (; tied; tied >>= 8, site++) released += (tied & 1) && _presyn_tie_is_released(state, site, rest);
    return released;
}
PRESYN_APART static int32_t _presyn_two_words(uint64_t state, int32_t n, uint8_t first, double rest) {
    const int32_t per_word = 8;
    const _presyn_sites one = _presyn_compared(_presyn_mixed(state), first, per_word);
    const _presyn_sites two = _presyn_compared(_presyn_mixed(state + _presyn_word_step), first, n - per_word);
    const int32_t released = _presyn_count(one.below + two.below);
    if (!(one.tied | two.tied)) return released;
    return released + _presyn_break_ties(state, one.tied, 0, rest)
           + _presyn_break_ties(state, two.tied, per_word, rest);
}
PRESYN_APART static int32_t _presyn_many_words(uint64_t state, int32_t n, uint8_t first, double rest) {
    const int32_t per_word = 8;
    int32_t released = 0;
    uint64_t word = state;
    for (int32_t site = 0; site < n; site += per_word, word += _presyn_word_step) {
        const int32_t here = n - site < per_word ? n - site : per_word;
        const _presyn_sites sites = _presyn_compared(_presyn_mixed(word), first, here);
        released += _presyn_count(sites.below);
        if (sites.tied) released += _presyn_break_ties(state, sites.tied, site, rest);
    }
    return released;
}
static inline int32_t binomial_draw(int64_t key, int32_t event, int32_t n, double p, int64_t synapse) {
    const uint64_t state = _presyn_state(key, event, synapse);
    p = _presyn_probability(p);
    const int32_t scaled = (int32_t)(p * 256.0);
    const uint8_t first = (uint8_t)(scaled < 255 ? scaled : 255);
    const double rest = p * 256.0 - (double)first;
    if (n <= 0) return 0;
    if (n > 2 * 8) return _presyn_many_words(state, n, first, rest);
    if (n > 8) return _presyn_two_words(state, n, first, rest);
    const _presyn_sites sites = _presyn_compared(_presyn_mixed(state), first, n);
    const int32_t released = _presyn_count(sites.below);
    return sites.tied ? released + _presyn_break_ties(state, sites.tied, 0, rest) : released;
}
#if defined(__AVX512DQ__)
static const uint64_t _presyn_high_bits = 0x8080808080808080ull;
static inline uint64_t _presyn_bytes_below(uint64_t bytes, uint64_t limits) {
    const uint64_t lower = (bytes | _presyn_high_bits) - (limits & ~_presyn_high_bits);
    return (~bytes & limits) | (~(bytes ^ limits) & ~lower);
}
static inline uint64_t _presyn_bytes_equal(uint64_t bytes, uint64_t others) {
    const uint64_t differ = bytes ^ others;
    return ~(((differ & ~_presyn_high_bits) + ~_presyn_high_bits) | differ);
}
static inline int32_t binomial_draw_unless_tied(int64_t key, int32_t event, int32_t n, double p,
                                                int64_t synapse) {
    const uint64_t ones = 0x0101010101010101ull;
    const uint64_t state = _presyn_state(key, event, synapse);
    const int64_t scaled = (int64_t)(_presyn_probability(p) * 256.0), sites = n;
    const uint64_t first = (uint64_t)(scaled < 255 ? scaled : 255) * ones;
    const uint64_t numbers = (uint64_t)(sites < 16 ? sites : 16) * ones;
    const uint64_t one_exist = (numbers + 0x78797A7B7C7D7E7Full) & _presyn_high_bits;
    const uint64_t two_exist = (numbers + 0x7071727374757677ull) & _presyn_high_bits;
    const uint64_t one = _presyn_mixed(state), two = _presyn_mixed(state + _presyn_word_step);
    const uint64_t released = ((_presyn_bytes_below(one, first) & one_exist) >> 7)
                              + ((_presyn_bytes_below(two, first) & two_exist) >> 7);
    const uint64_t tied = (_presyn_bytes_equal(one, first) & one_exist)
                          | (_presyn_bytes_equal(two, first) & two_exist);
    return tied != 0 ? -1 : sites > 16 ? -1 : (int64_t)((released * ones) >> 56);
}
#else
static inline int32_t binomial_draw_unless_tied(int64_t key, int32_t event, int32_t n, double p,
                                                int64_t synapse) {
    return binomial_draw(key, event, n, p, synapse);
}
#endif
#endif
