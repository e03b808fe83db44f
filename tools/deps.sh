#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Installs the named Debian packages that are missing; silent when none is.
# Elsewhere than on Debian it names them and goes on: the build says what lacks.
set -eu
command -v dpkg-query >/dev/null 2>&1 || {
	echo "deps: not a Debian system; needed: $*" >&2
	exit 0
}
# A tool that is there but was not installed by dpkg (node, go from upstream)
# counts as present when its command is.
provided() {
	case $1 in
	nodejs) command -v node ;;
	npm) command -v npm ;;
	chromium) command -v chromium ;;
	golang-go) command -v go ;;
	*) return 1 ;;
	esac >/dev/null 2>&1
}
missing=
for p in "$@"; do
	dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed && continue
	provided "$p" && continue
	missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "deps: missing packages:$missing" >&2
	echo "deps: install them with: sudo apt-get install -y$missing" >&2
	exit 1
fi
echo "  DEPS    $missing" >&2
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # the list is words
apt-get install -y -q --no-install-recommends $missing >/dev/null 2>&1 || {
	apt-get update -q >/dev/null
	apt-get install -y -q --no-install-recommends $missing >/dev/null
}
