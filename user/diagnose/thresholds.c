/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * thresholds.c - thresholds by name, from a file and as one.
 */
#include "user/diagnose/thresholds.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/diagnose/diagnose.h"
#include "user/util/util.h"

static const struct {
	const char *name;
	double def;
	enum mp_dx_unit unit;
	const char *what;
} list[] = {
#define X(id, name, def, unit, what) { name, def, unit, what },
	DX_THRESHOLDS(X)
#undef X
};

const char *dx_threshold_name(enum dx_threshold t)
{
	return list[t].name;
}

double dx_threshold_default(enum dx_threshold t)
{
	return list[t].def;
}

struct mp_thresholds *mp_thresholds_new(void)
{
	struct mp_thresholds *t = malloc(sizeof(*t));

	for (unsigned i = 0; t && i < T_N; i++)
		t->v[i] = list[i].def;
	return t;
}

void mp_thresholds_free(struct mp_thresholds *t)
{
	free(t);
}

static char *trim(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		*--end = 0;
	return s;
}

/* A plain number of the threshold's unit; bytes also as 64M. */
static bool number(const char *s, enum mp_dx_unit unit, double *v)
{
	uint64_t bytes;
	char *end;

	if (unit == MP_DX_BYTES && !mp_parse_bytes(s, &bytes)) {
		*v = (double)bytes;
		return true;
	}
	*v = strtod(s, &end);
	return end != s && !*end && isfinite(*v) && *v >= 0;
}

static int set(struct mp_thresholds *t, char *text, char why[160])
{
	char *eq = strchr(text, '='), *name, *value, clean[64];
	double v;

	if (!eq) {
		snprintf(why, 160, "here belongs: name = value");
		return -EINVAL;
	}
	*eq = 0;
	name = trim(text);
	value = trim(eq + 1);
	for (unsigned i = 1; i < T_N; i++) {
		if (strcmp(list[i].name, name) != 0)
			continue;
		if (!number(value, list[i].unit, &v)) {
			snprintf(why, 160, "%s: '%s' is no %s", name,
				 mp_clean(clean, sizeof(clean), value, 0),
				 list[i].unit == MP_DX_BYTES ? "size (64M, 1G)" : "number");
			return -EINVAL;
		}
		t->v[i] = v;
		return 0;
	}
	snprintf(why, 160, "there is no threshold '%s'", mp_clean(clean, sizeof(clean), name, 0));
	return -EINVAL;
}

int mp_thresholds_read(struct mp_thresholds *t, FILE *f, unsigned *line, char why[160])
{
	char buf[256], *hash, *text;
	int err = 0;

	*line = 0;
	while (!err && fgets(buf, sizeof(buf), f)) {
		++*line;
		if (!strchr(buf, '\n') && !feof(f)) {
			snprintf(why, 160, "the line is too long");
			return -EINVAL;
		}
		hash = strchr(buf, '#');
		if (hash)
			*hash = 0;
		text = trim(buf);
		err = *text ? set(t, text, why) : 0;
	}
	return err ? err : ferror(f) ? -EIO : 0;
}

void mp_thresholds_write(const struct mp_thresholds *t, FILE *f)
{
	for (unsigned i = 1; i < T_N; i++) {
		fprintf(f, "# %s\n", list[i].what);
		if (list[i].unit == MP_DX_BYTES && fmod(t->v[i], MIB_D) == 0)
			fprintf(f, "%s = %.0fM\n", list[i].name, t->v[i] / MIB_D);
		else
			fprintf(f, "%s = %g\n", list[i].name, t->v[i]);
	}
}
