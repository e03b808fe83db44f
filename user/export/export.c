/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * export.c - the table of formats; each is a file of its own beside this one.
 */
#include "user/export/export.h"

#include <string.h>

#include "user/export/formats.h"

const struct mp_exporter *const mp_exporters[] = {
	&mp_export_perfetto,
	&mp_export_pprof,
	&mp_export_folded,
	&mp_export_jsonl,
	&mp_export_csv,
	&mp_export_openmetrics,
	&mp_export_mprof,
	&mp_export_html,
	NULL,
};

const struct mp_exporter *mp_exporter_find(const char *name)
{
	for (size_t i = 0; mp_exporters[i]; i++)
		if (!strcmp(mp_exporters[i]->name, name))
			return mp_exporters[i];
	return NULL;
}
