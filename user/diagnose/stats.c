/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stats.c - the statistics of stats.h.
 */
#include "user/diagnose/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Values that are known, at most STATS_MAX of them; t may be NULL. */
static size_t pick(const double *t, const double *v, size_t n, double *pt, double *pv)
{
	size_t known = 0, k = 0, out = 0;

	for (size_t i = 0; i < n; i++)
		known += !isnan(v[i]);
	for (size_t i = 0; i < n; i++) {
		if (isnan(v[i]))
			continue;
		if (known <= STATS_MAX || k * (STATS_MAX - 1) / (known - 1) >= out) {
			if (pt)
				pt[out] = t ? t[i] : (double)k;
			pv[out++] = v[i];
		}
		k++;
	}
	return out;
}

double stats_quantile(const double *v, size_t n, double q)
{
	double *s = malloc((n ? n : 1) * sizeof(*s)), at, r = NAN;
	size_t k = 0, i;

	for (i = 0; s && i < n; i++)
		if (!isnan(v[i]))
			s[k++] = v[i];
	if (k) {
		qsort(s, k, sizeof(*s), by_value);
		at = q * (double)(k - 1);
		i = (size_t)at;
		r = i + 1 < k ? s[i] + (at - (double)i) * (s[i + 1] - s[i]) : s[k - 1];
	}
	free(s);
	return r;
}

double stats_median(const double *v, size_t n)
{
	return stats_quantile(v, n, 0.5);
}

double stats_slope(const double *t, const double *v, size_t n)
{
	double pt[STATS_MAX + 1], pv[STATS_MAX + 1], *s, r;
	size_t k = pick(t, v, n, pt, pv), m = 0;

	if (k < 2)
		return NAN;
	s = malloc(k * (k - 1) / 2 * sizeof(*s));
	if (!s)
		return NAN;
	for (size_t i = 0; i < k; i++)
		for (size_t j = i + 1; j < k; j++)
			if (pt[j] > pt[i])
				s[m++] = (pv[j] - pv[i]) / (pt[j] - pt[i]);
	r = stats_median(s, m);
	free(s);
	return r;
}

/* Kendall's S: pairs that rise less pairs that fall; *equal: pairs that do neither. */
static double concordance(const double *v, size_t n, double *equal)
{
	double s = 0;

	*equal = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++) {
			s += v[j] > v[i] ? 1 : v[j] < v[i] ? -1 : 0;
			*equal += v[j] == v[i];
		}
	return s;
}

double stats_tau(const double *v, size_t n)
{
	double pv[STATS_MAX + 1], s, equal, pairs;
	size_t k = pick(NULL, v, n, NULL, pv);

	if (k < 3)
		return NAN;
	pairs = (double)k * (double)(k - 1) / 2;
	s = concordance(pv, k, &equal);
	return equal < pairs ? s / sqrt(pairs * (pairs - equal)) : 0;
}

/* What values that are equal take from the variance of S. */
static double ties(const double *v, size_t n)
{
	double s[STATS_MAX + 1], sum = 0;
	size_t run;

	memcpy(s, v, n * sizeof(*s));
	qsort(s, n, sizeof(*s), by_value);
	for (size_t i = 0; i < n; i += run) {
		for (run = 1; i + run < n && s[i + run] == s[i]; run++)
			;
		sum += (double)run * (double)(run - 1) * (double)(2 * run + 5);
	}
	return sum;
}

double stats_trend_p(const double *v, size_t n)
{
	double pv[STATS_MAX + 1], s, var, equal, z;
	size_t k = pick(NULL, v, n, NULL, pv);

	if (k < 4)
		return 1;
	s = concordance(pv, k, &equal);
	var = ((double)k * (double)(k - 1) * (double)(2 * k + 5) - ties(pv, k)) / 18;
	if (var <= 0 || s == 0)
		return 1;
	z = (fabs(s) - 1) / sqrt(var);
	return erfc(z / sqrt(2));
}

double stats_r2(const double *x, const double *y, size_t n)
{
	double sx = 0, sy = 0, xx = 0, yy = 0, xy = 0, k = 0;

	for (size_t i = 0; i < n; i++)
		if (!isnan(x[i]) && !isnan(y[i])) {
			sx += x[i];
			sy += y[i];
			k++;
		}
	for (size_t i = 0; i < n && k >= 3; i++)
		if (!isnan(x[i]) && !isnan(y[i])) {
			double dx = x[i] - sx / k, dy = y[i] - sy / k;

			xx += dx * dx;
			yy += dy * dy;
			xy += dx * dy;
		}
	return k >= 3 && xx > 0 && yy > 0 ? xy * xy / (xx * yy) : NAN;
}
