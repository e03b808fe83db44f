#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Puts the schema of Perfetto's traces, from the source package of Debian, into the
# folder given and prints the file to decode with. The machine's own package lists
# are left alone: it reads them into the folder, from the mirror the machine uses,
# also of suites newer than the machine's, since not every release has the package.
set -eu
dir=$1
mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
dir=$(cd "$dir" && pwd)
schema=protos/perfetto/trace/perfetto_trace.proto
if [ ! -f "$dir/$schema" ]; then
	mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep '/debian/*$' | head -1)
	key=/usr/share/keyrings/debian-archive-keyring.gpg
	: >"$dir/sources.list"
	for suite in bookworm-backports trixie sid; do
		echo "deb-src [signed-by=$key] $mirror $suite main" >>"$dir/sources.list"
	done
	cat >"$dir/apt.conf" <<-END
		Dir::Etc::sourcelist "$dir/sources.list";
		Dir::Etc::sourceparts "-";
		Dir::State::lists "$dir/lists";
		Dir::Cache "$dir/cache";
		APT::Sandbox::User "root";
	END
	export APT_CONFIG="$dir/apt.conf"
	apt-get -q update >&2
	(cd "$dir" && apt-get -q source --download-only perfetto >&2) || {
		echo "perfetto-protos.sh: the mirror gives no source package of perfetto now" >&2
		exit 1
	}
	tar xzf "$dir"/perfetto_*.orig.tar.gz -C "$dir" --strip-components=1 --wildcards "*/$schema"
fi
echo "$dir/$schema"
