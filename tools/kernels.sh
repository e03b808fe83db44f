#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Puts Debian's cloud kernel of a suite (bullseye 5.10, bookworm 6.1, trixie 6.12) into
# a cache and prints the folder it is in: kernels.sh SUITE. Nothing to do when it is
# there; remove the folder to fetch it anew. The mirror and its key are those of the
# apt sources of this machine, which stay as they are: apt works in a state of its own.
set -eu
suite=$1
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/memprof
dir=$cache/kernel-$suite
if [ -d "$dir" ]; then
	echo "$dir"
	exit 0
fi
die() {
	echo "kernels.sh: $*" >&2
	exit 1
}
command -v apt-get >/dev/null && command -v dpkg >/dev/null || die "not a Debian system"
[ "$(dpkg --print-architecture)" = amd64 ] || die "these kernels are for amd64"
site=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
	'Label: Debian' 2>/dev/null | head -n 1)
site=${site%/}
[ -n "$site" ] || die "no Debian mirror among the apt sources: apt-get update"

# The key of that mirror: Signed-By in its paragraph (.sources) or line (.list).
key=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null |
	awk -v site="$site" 'BEGIN { RS = ""; FS = "\n" } index($0, site) {
		for (i = 1; i <= NF; i++)
			if (sub(/^[Ss]igned-[Bb]y:[ \t]*/, "", $i) && $i ~ /^\//) { print $i; exit }
	}')
[ -n "$key" ] || key=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
	grep -F "$site" | sed -n 's/.*signed-by=\([^], ]*\).*/\1/p' | head -n 1)

echo "  KERNEL   $suite" >&2
mkdir -p "$cache"
new=$(mktemp -d "$cache/kernel-new.XXXXXX")
trap 'rm -rf "$new"' EXIT
mkdir -p "$new/state/lists/partial" "$new/cache/archives/partial" "$new/empty" "$new/root"
echo "deb ${key:+[signed-by=$key] }$site $suite main" > "$new/sources.list"
cat > "$new/apt.conf" <<END
Dir::State "$new/state";
Dir::State::status "/dev/null";
Dir::Cache "$new/cache";
Dir::Etc::sourcelist "$new/sources.list";
Dir::Etc::sourceparts "$new/empty";
Dir::Etc::preferencesparts "$new/empty";
Acquire::Languages "none";
Acquire::Retries "2";
APT::Sandbox::User "root";
END
export APT_CONFIG="$new/apt.conf"
apt-get -qq update >&2 || die "no package lists of $suite"
# The package of that name is empty: it depends on the kernel's own, by its version.
pkg=$(apt-cache show linux-image-cloud-amd64 | sed -n 's/^Depends: \([^ ,]*\) (= \([^)]*\)).*/\1=\2/p' | head -n 1)
[ -n "$pkg" ] || die "no cloud kernel in $suite"
(cd "$new" && apt-get -qq download "$pkg" >&2) || die "cannot fetch $pkg"
dpkg -x "$new"/linux-image-*.deb "$new/root"
mv "$new/root" "$dir" 2>/dev/null || [ -d "$dir" ] # another one was quicker
echo "$dir"
