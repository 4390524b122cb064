static inline int _presyn_inverse_binomial(double u, int n, double p) {
    const double small = p > 0.5 ? 1.0 - p : p;
    const double odds = small / (1.0 - small);
    double mass = pow(1.0 - small, n), below = mass;
    int k = 0;
    while (u >= below && k < n) { mass *= odds * (n - k) / (k + 1.0); k++; below += mass; }
    return p > 0.5 ? n - k : k;
}
