// With one n and p for all, the number released is looked up: it is the number of values of the distribution
// function, kept as 53-bit integers, that the random bits reach. A guide (Chen and Asau 1974) says how many
// the highest eight bits reach by themselves. The tables are made anew when n or p change.
#ifndef PRESYN_SHARED_BINOMIAL
#define PRESYN_SHARED_BINOMIAL
// Sums in another order, or fused with products, would move a threshold away from that of numpy.
#if defined(__clang__)
#define PRESYN_EXACT
#elif defined(__GNUC__)
#define PRESYN_EXACT __attribute__((noinline, optimize("no-fast-math", "fp-contract=off")))
#else
#define PRESYN_EXACT
#endif
struct _presyn_table { int64_t values[65]; uint8_t guide[256]; int32_t n; double p; };
PRESYN_OWN_OF_THREAD _presyn_table _presyn_shared = {{}, {}, 0, -1.0};
PRESYN_EXACT static void _presyn_fill_table(int32_t n, double p) {
#if defined(__clang__)
#pragma clang fp contract(off) reassociate(off)
#endif
    int64_t* values = _presyn_shared.values;
    for (int k = 0; k <= 64; k++) values[k] = 1ll << 53;
    const double small = p > 0.5 ? 1.0 - p : p, odds = small / (1.0 - small);
    double mass = 1.0, below = 0.0;
    for (int k = 0; k < n; k++) mass *= 1.0 - small;
    for (int k = 0; k < n; k++) {
        below += mass;
        mass *= odds * (n - k) / (k + 1.0);
        const double reached = below < 1.0 ? below * 9007199254740992.0 : 9007199254740992.0;
        if (p > 0.5) values[n - 1 - k] = (int64_t)(9007199254740992.0 - reached);
        else values[k] = (int64_t)reached;
    }
    for (int64_t high = 0, k = 0; high < 256; high++) {
        while (values[k] <= high << 45) k++;
        _presyn_shared.guide[high] = (uint8_t)k;
    }
    _presyn_shared.n = n;
    _presyn_shared.p = p;
}
static inline int32_t _presyn_looked_up(uint64_t state) {
    const int64_t bits = (int64_t)(_presyn_mixed(state) >> 11);
    int32_t k = _presyn_shared.guide[bits >> 45];
    while (_presyn_shared.values[k] <= bits) k++;
    return k;
}
PRESYN_APART static int32_t _presyn_other_table(uint64_t state, int32_t n, double p) {
    if (n > 64) return _presyn_binomial_from(state, n, p);
    _presyn_fill_table(n, p);
    return _presyn_looked_up(state);
}
static inline int32_t _presyn_shared_from(uint64_t state, int32_t n, double p) {
    p = _presyn_probability(p);
    const bool is_filled = p == _presyn_shared.p && n == _presyn_shared.n;
    return is_filled ? _presyn_looked_up(state) : _presyn_other_table(state, n, p);
}
static inline int32_t shared_binomial_draw(int64_t key, int32_t event, int32_t n, double p,
                                           int64_t synapse) {
    return _presyn_shared_from(_presyn_state(key, event, synapse), n, p);
}
#endif
