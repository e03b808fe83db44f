#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# usage: full_schema.sh MEMPROF PROTO RECORDING...
# Decodes the trace of each recording with Perfetto's whole schema: no field may be
# one that it does not know.
set -eu
memprof=$1 proto=$2
shift 2
for rec; do
	"$memprof" export -q "$rec" --format perfetto |
		protoc --decode perfetto.protos.Trace -I "$(dirname "$proto")" "$proto" |
		awk -v rec="$rec" '
			/^ *[0-9]+[: ]/ { print rec ": unknown field: " $0; bad = 1 }
			/^packet \{/ { n++ }
			END { if (!n) print rec ": no packet"; else if (!bad) print rec ": " n " packets, no unknown field"
			      exit bad || !n }'
done
