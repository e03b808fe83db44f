#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Builds the Debian packages, source and binary, in the folder OUT, which is emptied. The tree is copied
# there first: what git knows of it, or all of an unpacked tarball but what was built. Nothing is fetched.
# DEB_BUILD_OPTIONS as in dpkg-buildpackage(1): nocheck leaves the tests out.
set -eu
src=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
# what make was called with is not for the make within
unset MAKEFLAGS MAKELEVEL MFLAGS B V SAN OPT DESTDIR PREFIX
version=$(dpkg-parsechangelog -l "$src/debian/changelog" -S Version)
tree=$out/memprof-$version

find "$out" -mindepth 1 -delete
mkdir "$tree"
if [ "$(git -C "$src" rev-parse --show-toplevel 2>/dev/null)" = "$src" ]; then
	git -C "$src" ls-files -z | tar -C "$src" --null -T - -cf - | tar -C "$tree" -xf -
else
	tar -C "$src" --exclude=./build --exclude=./.git --exclude="./${out#"$src"/}" -cf - . | tar -C "$tree" -xf -
fi
cd "$tree"
dpkg-buildpackage -us -uc >"$out/build.log" 2>&1 || {
	tail -50 "$out/build.log" >&2
	echo "deb: failed; all of it: $out/build.log" >&2
	exit 1
}
cd "$out"
ls -- *.deb *.dsc *.changes
