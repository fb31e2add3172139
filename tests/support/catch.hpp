// SPDX-License-Identifier: MIT
/// The one file that includes Catch2, so that the tests do not care which of its versions is there:
/// Debian 12 has 2.13 in one header, later systems have 3.x in many.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
