// SPDX-License-Identifier: MIT
/// Runs the threads of a scenario in every order that matters, and shows the shortest bad one.
///
/// Layer:  lab.
/// Kernel: no counterpart; lockdep, KCSAN and stress tests look for what this finds.
#pragma once

#include "pageblock/lab/interleave_checkpoint.hpp"
#include "pageblock/lab/interleave_program.hpp"
#include "pageblock/lab/interleave_report.hpp"
#include "pageblock/lab/interleave_rules.hpp"
#include "pageblock/lab/interleave_runner.hpp"
#include "pageblock/lab/interleave_scenario.hpp"
#include "pageblock/lab/interleave_schedule.hpp"
#include "pageblock/lab/interleave_search.hpp"
#include "pageblock/lab/interleave_shrink.hpp"
#include "pageblock/lab/interleave_steps.hpp"
#include "pageblock/lab/interleave_world.hpp"
