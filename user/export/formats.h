/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * formats.h - the rows of the table in export.c, and nothing else.
 */
#ifndef MEMPROF_EXPORT_FORMATS_H
#define MEMPROF_EXPORT_FORMATS_H

#include "user/export/export.h"

extern const struct mp_exporter mp_export_perfetto;
extern const struct mp_exporter mp_export_pprof;
extern const struct mp_exporter mp_export_folded;
extern const struct mp_exporter mp_export_jsonl;
extern const struct mp_exporter mp_export_csv;
extern const struct mp_exporter mp_export_openmetrics;
extern const struct mp_exporter mp_export_mprof;
extern const struct mp_exporter mp_export_html;

#endif /* MEMPROF_EXPORT_FORMATS_H */
