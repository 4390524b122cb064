// Draws for a run of synapses, whose numbers follow each other: see brianpresyn/two_loops.py. Each loop is plain
// enough that compilers make several draws at once of it. Vectors of 512 bits, which GCC does not take by itself,
// made the draws faster, and the network slower or no faster.
static const int _presyn_most = 256;
static inline bool _presyn_follow(const int* numbers, int first, int n) {
    int differ = 0;
    for (int k = 0; k < n; k++) differ |= numbers[k] ^ (first + k);
    return differ == 0;
}
static inline int _presyn_run_length(const int* numbers, int most) {
    const int first = numbers[0];
    if (_presyn_follow(numbers, first, most)) return most;
    int n = 1;
    while (n + 16 <= most && _presyn_follow(numbers + n, first + n, 16)) n += 16;
    while (n < most && numbers[n] == first + n) n++;
    return n;
}
static inline int32_t _presyn_bernoulli(uint64_t state, double p) {
    return _presyn_unit(_presyn_mixed(state)) < p;
}
#if defined(PRESYN_BINOMIAL)
static const uint64_t _presyn_ones = 0x0101010101010101ull, _presyn_high_bits = 0x8080808080808080ull;
static inline uint64_t _presyn_in_each_byte(int32_t value) {
    const uint64_t four = (uint32_t)value * 0x01010101u;
    return four | four << 32;
}
static inline uint64_t _presyn_bytes_below(uint64_t bytes, uint64_t limits) {
    const uint64_t lower = (bytes | _presyn_high_bits) - (limits & ~_presyn_high_bits);
    return (~bytes & limits) | (~(bytes ^ limits) & ~lower);
}
static inline uint64_t _presyn_bytes_equal(uint64_t bytes, uint64_t others) {
    const uint64_t differ = bytes ^ others;
    return ~(((differ & ~_presyn_high_bits) + ~_presyn_high_bits) | differ);
}
// A word for each synapse at a time, until the synapse with the most sites has had them all. Ties, which one
// synapse in fifty has, are broken afterwards: a branch for each synapse would often be mispredicted.
PRESYN_APART static void binomial_draws(const uint64_t* state, const int32_t* n, const double* p, int number,
                                        int32_t* __restrict released) {
    uint64_t tied[_presyn_most], any_tied[_presyn_most / 8];
    uint8_t is_tied[_presyn_most] = {0};
    int32_t most = 0;
    for (int k = 0; k < number; k++) most = n[k] > most ? n[k] : most;
    for (int k = 0; k < number; k++) released[k] = 0;
    for (int32_t site = 0; site < most; site += 8) {
        const uint64_t moved = (uint64_t)(site / 8) * _presyn_word_step;
        for (int k = 0; k < number; k++) {
            const int32_t left = n[k] - site < 8 ? n[k] - site : 8;
            const uint64_t exist = (_presyn_in_each_byte(left > 0 ? left : 0) + 0x78797A7B7C7D7E7Full)
                                   & _presyn_high_bits;
            const uint64_t first = _presyn_in_each_byte(_presyn_first(p[k]));
            const uint64_t bits = _presyn_mixed(state[k] + moved);
            uint64_t below = (_presyn_bytes_below(bits, first) & exist) >> 7;
            below += below >> 32;
            below += below >> 16;
            released[k] += (int32_t)((below + (below >> 8)) & 15);
            tied[k] = (_presyn_bytes_equal(bits, first) & exist) >> 7;
            is_tied[k] = tied[k] != 0;
        }
        int eights[_presyn_most / 8], n_eights = 0;
        memcpy(any_tied, is_tied, sizeof any_tied);
        for (int eight = 0; 8 * eight < number; eight++) {
            eights[n_eights] = eight;
            n_eights += any_tied[eight] != 0;
        }
        for (int e = 0; e < n_eights; e++) {
            for (uint64_t left = any_tied[eights[e]]; left; left &= left - 1) {
                const int k = 8 * eights[e] + _presyn_lowest_byte(left);
                released[k] += _presyn_break_ties(state[k], tied[k], site, p[k]);
            }
        }
    }
}
#endif
#if defined(PRESYN_SHARED_BINOMIAL)
PRESYN_APART static void shared_binomial_draws(const uint64_t* state, const int32_t* n, const double* p,
                                               int number, int32_t* __restrict released) {
    bool is_shared = true;
    for (int k = 1; k < number; k++) is_shared &= n[k] == n[0] && p[k] == p[0];
    if (!is_shared || n[0] > 16) {
        for (int k = 0; k < number; k++) released[k] = _presyn_shared_from(state[k], n[k], p[k]);
        return;
    }
    released[0] = _presyn_shared_from(state[0], n[0], p[0]);
    int64_t values[16];
    memcpy(values, _presyn_shared.values, sizeof values);
    for (int k = 0; k < number; k++) {
        const int64_t bits = (int64_t)(_presyn_mixed(state[k]) >> 11);
        int64_t reached = 0;
        for (int value = 0; value < 16; value++) reached += values[value] <= bits;
        released[k] = (int32_t)reached;
    }
}
#endif
