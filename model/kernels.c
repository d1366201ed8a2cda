#include "model/kernels.h"

#include "model/kernels_variants.h"

const struct kernels *kernels = &kernels_plain;

static const struct kernels *find(enum kernel_choice choice)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (avx512 && (choice == KERNEL_BEST || choice == KERNEL_AVX512))
        return __builtin_cpu_supports("avx512vnni") ? &kernels_avx512_vnni : &kernels_avx512;
    if (avx2 && (choice == KERNEL_BEST || choice == KERNEL_AVX2))
        return &kernels_avx2;
#endif
    return choice == KERNEL_BEST || choice == KERNEL_PLAIN ? &kernels_plain : NULL;
}

bool kernels_choose(enum kernel_choice choice)
{
    const struct kernels *found = find(choice);
    if (found != NULL)
        kernels = found;
    return found != NULL;
}

__attribute__((constructor)) static void choose_the_best(void)
{
    kernels_choose(KERNEL_BEST);
}
