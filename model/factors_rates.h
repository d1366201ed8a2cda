/* Learning rates of row Adagrad, for the files that step the vectors; the figures come from
 * tests/bench/quality. */
#ifndef MODEL_FACTORS_RATES_H
#define MODEL_FACTORS_RATES_H

#define RATE_HISTORY 0.12f
#define RATE_LAST 0.12f
#define RATE_USER 0.3f
#define RATE_CANDIDATE 0.05f
#define RATE_BIAS 0.36f
#define RATE_WEIGHTS 0.02f
#define SUM_FLOOR 1e-2f
#define SUM_FLOOR_BIAS 1e-2f

#endif
