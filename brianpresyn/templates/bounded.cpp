// Compilers make branches of scalar comparisons, which nothing can predict where a signal passes its threshold
// and a probability its bounds at random; they took a third of the time. Comparisons of vectors never branch.
#if defined(__GNUC__) && !defined(PRESYN_PAIR)
#define PRESYN_PAIR
typedef double _presyn_pair __attribute__((vector_size(16)));
#endif

static inline double bounded(double x, double low, double high) {
#if defined(__GNUC__)
    _presyn_pair values = {x, x};
    const _presyn_pair lows = {low, low}, highs = {high, high};
    values = values < lows ? lows : values;
    values = values > highs ? highs : values;
    return values[0];
#else
    x = x < low ? low : x;
    return x > high ? high : x;
#endif
}
