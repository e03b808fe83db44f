#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# embed.sh FILE...: prints C that holds the files as arrays: user/export/html/report.js
# becomes mp_asset_report_js[] and mp_asset_report_js_size (without the 0 behind it).
# Needs od, sed and wc only.
set -eu
echo '/* Written by tools/embed.sh. */'
echo '#include <stddef.h>'
for f in "$@"; do
	name=mp_asset_$(basename "$f" | sed 's/[^A-Za-z0-9]/_/g')
	echo "extern const unsigned char $name[];"
	echo "extern const size_t ${name}_size;"
	echo "const unsigned char $name[] = {"
	od -An -v -tx1 "$f" | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g'
	echo "0 };"
	echo "const size_t ${name}_size = $(($(wc -c <"$f")));"
done
