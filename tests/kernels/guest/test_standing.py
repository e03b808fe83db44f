# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The daemon's rules in the kernel: a process is watched before its first fault, by its name and by
its group, and so are its children."""
from test_daemon import (bpf, test_by_pattern, test_by_user, test_nobody_at_all,  # noqa: F401
                         test_what_the_kernel_took_too_much, where)
