# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# For scripts that fetch packages of other Debian suites than the machine's, to be read
# with `.`: suites DIR SUITE... makes apt work in a state of its own under DIR, with the
# mirror and the key of the machine's apt sources, which stay as they are. After it
# `apt-get download PACKAGE/SUITE` fetches and nothing is installed.

suites_die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# The key of a mirror: Signed-By in its paragraph (.sources) or line (.list).
suites_key() {
	key=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null |
		awk -v site="$1" 'BEGIN { RS = ""; FS = "\n" } index($0, site) {
			for (i = 1; i <= NF; i++)
				if (sub(/^[Ss]igned-[Bb]y:[ \t]*/, "", $i) && $i ~ /^\//) { print $i; exit }
		}')
	[ -n "$key" ] || key=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
		grep -F "$1" | sed -n 's/.*signed-by=\([^], ]*\).*/\1/p' | head -n 1)
	echo "$key"
}

suites() {
	suites_dir=$1
	shift
	command -v apt-get >/dev/null && command -v dpkg >/dev/null || suites_die "not a Debian system"
	[ "$(dpkg --print-architecture)" = amd64 ] || suites_die "these packages are for amd64"
	site=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
		'Label: Debian' 2>/dev/null | head -n 1)
	site=${site%/}
	[ -n "$site" ] || suites_die "no Debian mirror among the apt sources: apt-get update"
	key=$(suites_key "$site")
	mkdir -p "$suites_dir/state/lists/partial" "$suites_dir/cache/archives/partial" "$suites_dir/empty"
	for suite in "$@"; do
		echo "deb ${key:+[signed-by=$key] }$site $suite main"
	done > "$suites_dir/sources.list"
	cat > "$suites_dir/apt.conf" <<-END
		Dir::State "$suites_dir/state";
		Dir::State::status "/dev/null";
		Dir::Cache "$suites_dir/cache";
		Dir::Etc::sourcelist "$suites_dir/sources.list";
		Dir::Etc::sourceparts "$suites_dir/empty";
		Dir::Etc::preferencesparts "$suites_dir/empty";
		Acquire::Languages "none";
		Acquire::Retries "2";
		APT::Sandbox::User "root";
	END
	export APT_CONFIG="$suites_dir/apt.conf"
	apt-get -qq update >&2 || suites_die "no package lists of $*"
}
