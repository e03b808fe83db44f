# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Makes garbage between two quiet points; `done` tells how often CRuby collected.
$stdout.sync = true
puts "step start"
$stdin.gets
before = GC.count
100_000.times { "x" * 100 }
GC.start
GC.start(full_mark: false)
GC.disable
puts "step done n=#{GC.count - before}"
$stdin.gets
