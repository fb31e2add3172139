// SPDX-License-Identifier: MIT
/// Taking memory offline, and bringing it online.
///
/// Layer:  clients.
/// Kernel: mm/memory_hotplug.c.
#pragma once

#include "pageblock/clients/offline_isolated_pages.hpp"
#include "pageblock/clients/offline_pages.hpp"
#include "pageblock/clients/online_pages.hpp"
