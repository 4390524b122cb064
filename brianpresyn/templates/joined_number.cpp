static inline int64_t joined_number(double high, double low) {
    return (int64_t)(((uint64_t)(int64_t)high << 32) | (uint32_t)(int64_t)low);
}
