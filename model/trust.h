/*
 * How far to trust each term of a sum: weights around 1, learned by recursive least squares from
 * what the sum should have been (stacking, Wolpert 1992, online). Where a term predicts nothing,
 * its weight goes to 0 whatever its own learner believes.
 */
#ifndef MODEL_TRUST_H
#define MODEL_TRUST_H

enum { TRUST_TERMS = 6 };

struct trust {
    float weight[TRUST_TERMS];
    float covariance[TRUST_TERMS][TRUST_TERMS]; /* of the weights */
};

void trust_init(struct trust *trust);
float trust_sum(const struct trust *trust, const float term[TRUST_TERMS]);
/* `truth` is what the sum should have been, of that noise (a variance). */
void trust_learn(struct trust *trust, const float term[TRUST_TERMS], float truth, float noise);

#endif
