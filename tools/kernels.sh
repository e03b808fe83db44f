#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Puts Debian's cloud kernel of a suite (bullseye 5.10, bookworm 6.1, trixie 6.12) into
# a cache and prints the folder it is in: kernels.sh SUITE. Nothing to do when it is
# there; remove the folder to fetch it anew.
set -eu
suite=$1
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/memprof
dir=$cache/kernel-$suite
if [ -d "$dir" ]; then
	echo "$dir"
	exit 0
fi
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/suites.sh
. "$here/suites.sh"

echo "  KERNEL   $suite" >&2
mkdir -p "$cache"
new=$(mktemp -d "$cache/kernel-new.XXXXXX")
trap 'rm -rf "$new"' EXIT
mkdir "$new/root"
suites "$new" "$suite"
# The package of that name is empty: it depends on the kernel's own, by its version.
pkg=$(apt-cache show linux-image-cloud-amd64 | sed -n 's/^Depends: \([^ ,]*\) (= \([^)]*\)).*/\1=\2/p' | head -n 1)
[ -n "$pkg" ] || suites_die "no cloud kernel in $suite"
(cd "$new" && apt-get -qq download "$pkg" >&2) || suites_die "cannot fetch $pkg"
dpkg -x "$new"/linux-image-*.deb "$new/root"
mv "$new/root" "$dir" 2>/dev/null || [ -d "$dir" ] # another one was quicker
echo "$dir"
