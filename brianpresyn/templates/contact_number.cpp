static inline int64_t contact_number(int64_t pre, int64_t post, int64_t contact) {
    return (int64_t)(_presyn_mixed(((uint64_t)pre << 32) + (uint64_t)post)
                     + (uint64_t)contact * _presyn_word_step);
}
