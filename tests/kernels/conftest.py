# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The tests in guest/ run inside test machines only; test_kernels.py runs them there."""
collect_ignore = ["guest"]
