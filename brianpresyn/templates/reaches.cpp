// Compilers make branches of scalar comparisons, which nothing can predict where a signal passes its threshold
// and a probability its bounds at random; they took a third of the time. Comparisons of vectors never branch.
#if defined(__GNUC__) && !defined(PRESYN_PAIR)
#define PRESYN_PAIR
typedef double _presyn_pair __attribute__((vector_size(16)));
#endif

static inline double reaches(double x, double limit) {
#if defined(__GNUC__)
    const _presyn_pair values = {x, x}, limits = {limit, limit}, no = {0.0, 0.0}, yes = {1.0, 1.0};
    const _presyn_pair reached = values >= limits ? yes : no;
    return reached[0];
#else
    return x >= limit ? 1.0 : 0.0;
#endif
}
