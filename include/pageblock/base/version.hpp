/// The version of the library.
///
/// Layer: base.
#pragma once

#define PAGEBLOCK_VERSION_MAJOR 0
#define PAGEBLOCK_VERSION_MINOR 1
#define PAGEBLOCK_VERSION_PATCH 0
