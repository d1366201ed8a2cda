/*
 *     rows_floor --rows 2000000 --dim 64 --count 6000000
 *
 * {"ns": a row read and written}
 */
#include "tests/bench/rows_floor.h"

int main(int argc, char **argv)
{
    struct rows_floor floor = rows_floor_create((uint32_t)bench_number(argc, argv, "--rows", 2e6),
                                                (uint32_t)bench_number(argc, argv, "--dim", 64));
    printf("{\"ns\": %.2f}\n",
           rows_floor_run(&floor, (uint64_t)bench_number(argc, argv, "--count", 6e6), true));
    return 0;
}
