/* The variants, for kernels.c and the tests that hold them against each other. */
#ifndef MODEL_KERNELS_VARIANTS_H
#define MODEL_KERNELS_VARIANTS_H

#include "model/kernels.h"

/* Each variant's file has all of them under these names. */
#define KERNELS_OF_THIS_FILE(name_, keep_, numbers_, sift_)                                        \
    {                                                                                              \
        .name = (name_), .dot = dot, .dots = dots, .scan = scan, .add_scaled = add_scaled,         \
        .mix = mix, .spread = spread, .multiply = multiply, .pair_learn = pair_learn,              \
        .few_scores = few_scores, .few_learn = few_learn, .few_step = few_step,                    \
        .few_warp = few_warp, .find = find, .look_up = look_up, .count_cells = count_cells,        \
        .are_below = are_below, .marked = marked, .keep = (keep_), .numbers = (numbers_),          \
        .pick = pick, .least = least, .level = level, .ranks = ranks, .exp = exp_all,              \
        .softmax = softmax, .adagrad = adagrad, .sift = (sift_),                                   \
    }

/* The plain ones, for variants that would gain nothing. */
uint32_t kernels_keep_plain(const struct sampling *sampling, const uint32_t *items,
                            const struct sampled *of, uint32_t count, uint32_t *kept,
                            float *expected);
void kernels_numbers_plain(uint64_t key, uint64_t first, uint32_t count, uint64_t *bits);

/* level(), from the least and the highest, with the variant's own counting of those above. */
typedef uint32_t kernels_count_above(const float *values, uint32_t count, float level);
static inline float kernels_level(const float *values, uint32_t count, uint32_t wanted, float low,
                                  float high, kernels_count_above *count_above)
{
    for (int step = 0; step < KERNELS_HALVED; step++) {
        float middle = low + (high - low) / 2;
        if (count_above(values, count, middle) > wanted)
            low = middle;
        else
            high = middle;
    }
    return low;
}

extern const struct kernels kernels_plain;
#if defined(__x86_64__)
extern const struct kernels kernels_avx2;
extern const struct kernels kernels_avx512, kernels_avx512_vnni;
#endif

/*
 * exp by 2^k * p(r), r = x - k ln 2 in two parts (Cody & Waite 1980); p is the Taylor polynomial of
 * degree 6, by Horner with fused multiply-adds. Every variant follows these steps one by one.
 */
#define EXP_LOWEST (-87.0f) /* below: 0 */
#define EXP_HIGHEST 88.0f
#define EXP_LOG2E 1.44269504088896341f
#define EXP_LN2_HIGH 0.693359375f
#define EXP_LN2_LOW (-2.12194440e-4f)
#define EXP_C6 1.3888888889e-3f
#define EXP_C5 8.3333333333e-3f
#define EXP_C4 4.1666666667e-2f
#define EXP_C3 1.6666666667e-1f
#define EXP_C2 0.5f

#endif
