/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stats.h - how a series of figures goes: robust slopes, ranks, shapes.
 *
 * Values that are NAN are left out everywhere. Of more than STATS_MAX values an evenly
 * spaced STATS_MAX are looked at: the work is quadratic.
 */
#ifndef MEMPROF_DIAGNOSE_STATS_H
#define MEMPROF_DIAGNOSE_STATS_H

#include <stddef.h>

#define STATS_MAX 240

/* Middle value; NAN of none. Sorts a copy. */
double stats_median(const double *v, size_t n);
/* q from 0 to 1: the value below which that share lies; NAN of none. */
double stats_quantile(const double *v, size_t n, double q);
/* Theil-Sen: the median of all slopes between two values; units of v by units of t. NAN
 * with fewer than two. (Sen 1968, JASA 63) */
double stats_slope(const double *t, const double *v, size_t n);
/* Kendall's tau-b of v against its order: -1 falling to 1 rising; NAN with fewer than
 * three, 0 where all are equal. (Kendall 1938, Biometrika 30) */
double stats_tau(const double *v, size_t n);
/* Mann-Kendall: the two-sided probability of such an order by chance, by the normal
 * approximation with ties; 1 with fewer than four. (Mann 1945, Econometrica 13) */
double stats_trend_p(const double *v, size_t n);
/* The square of Pearson's correlation; NAN with fewer than three or where one is constant. */
double stats_r2(const double *x, const double *y, size_t n);

#endif /* MEMPROF_DIAGNOSE_STATS_H */
