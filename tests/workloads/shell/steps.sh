# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A bash that stops at quiet points as tests/workloads/step.h does. It grows,
# forks children that exec, exit and stay in a pipe, and drops what it held.
step() {
	echo "step $*"
	read -r || exit 0
}
step start
text=x
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22; do
	text=$text$text
done
step grown length=${#text}
(exit 3)
/bin/true
echo piped | { read -r word; [ "$word" = piped ]; }
step forked
unset text
step dropped
exit 2
