#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# cppcheck and clang-tidy over the sources named; any finding fails.
# Usage: tidy.sh "<cppflags>" FILE...
set -eu
flags="$1 -DMEMPROF_VERSION=\"0\""
shift
"$(dirname "$0")/deps.sh" cppcheck clang-tidy
# It does not see that gc_fatal() and oom_default() never return, and has no __has_include.
# shellcheck disable=SC2086 # flags are words
cppcheck -q --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,performance,portability \
	--suppress=nullPointerRedundantCheck:gc/limits.c --suppress=nullPointerRedundantCheck:gc/weakmap.c \
	--suppress=nullPointerArithmeticRedundantCheck:gc/internal.h \
	--suppress=preprocessorErrorDirective:user/sym/demangle.c --suppress=unknownMacro --suppress=missingIncludeSystem --suppress='*:*/bpf/memprof.skel.h' -j2 $flags "$@"
# The skeleton is bpftool's text, not ours. segment.c: segfile_map() sets its pointer
# whenever it returns a descriptor, which the analyzer cannot see across the call.
# shellcheck disable=SC2086
found=$(clang-tidy --quiet --warnings-as-errors='*' \
	--checks='-*,bugprone-*,clang-analyzer-*,-bugprone-easily-swappable-parameters,-bugprone-narrowing-conversions,-bugprone-reserved-identifier,-bugprone-implicit-widening-of-multiplication-result,-bugprone-assignment-in-if-condition,-bugprone-branch-clone,-bugprone-macro-parentheses,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling,-clang-analyzer-optin.performance.Padding,-bugprone-signal-handler,-bugprone-suspicious-include,-bugprone-signed-char-misuse,-bugprone-sizeof-expression,-bugprone-suspicious-string-compare,-bugprone-too-small-loop-variable,-clang-analyzer-security.insecureAPI.strcpy,-clang-analyzer-valist.Uninitialized' \
	"$@" -- -std=c11 $flags 2>/dev/null |
	grep -E 'warning:|error:' | grep -vE 'memprof\.skel\.h|gc/segment\.c:[0-9]+:[0-9]+: error: Assigned value is garbage' || true)
[ -z "$found" ] || {
	echo "$found"
	exit 1
}
