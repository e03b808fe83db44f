#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Puts the npm packages of tests/node/package-lock.json into a cache and prints the
# folder they are in. One folder for each content of the lock file, 180 MB; nothing
# to do when it is there. No package's script runs, and no browser is downloaded.
set -eu
src=$(cd "$(dirname "$0")/../tests/node" && pwd)
key=$(sha256sum "$src/package-lock.json" | cut -c1-16)
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/memprof
dir=$cache/npm-$key
if [ ! -d "$dir" ]; then
	command -v npm >/dev/null || {
		echo "npm.sh: npm is not installed" >&2
		exit 1
	}
	mkdir -p "$cache"
	# Two at the same time: the second finds the first one's work.
	exec 9>"$cache/npm.lock"
	flock 9
fi
if [ ! -d "$dir" ]; then
	echo "  NPM      $dir" >&2
	new=$(mktemp -d "$cache/npm-new.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	cp "$src/package.json" "$src/package-lock.json" "$new/"
	(cd "$new" && PUPPETEER_SKIP_DOWNLOAD=1 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
	mv "$new" "$dir"
fi
echo "$dir/node_modules"
