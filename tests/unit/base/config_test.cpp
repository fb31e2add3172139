// SPDX-License-Identifier: MIT
#include "pageblock/base/config.hpp"

#include "support/catch.hpp"
#include "support/recording_tracer.hpp"
#include "support/zones.hpp"

namespace pageblock::test::config_cases {
namespace {

template <unsigned max_order_, unsigned pageblock_order_>
struct Orders : DefaultConfig {
  static constexpr unsigned max_order = max_order_;
  static constexpr unsigned pageblock_order = pageblock_order_;
};

struct NoCpus : DefaultConfig {
  static constexpr unsigned nr_cpus = 0;
};
struct NoLock : DefaultConfig {
  using Lock = int;
};
struct NoTracer : DefaultConfig {
  using Tracer = int;
};
struct NoSemantics : DefaultConfig {
  static constexpr int semantics = 306;
};

}  // namespace

TEST_CASE("ZoneConfig holds for the configs of library and tests", "[config]") {
  STATIC_REQUIRE(ZoneConfig<DefaultConfig>);
  STATIC_REQUIRE(ZoneConfig<TinyConfig>);
  STATIC_REQUIRE(ZoneConfig<OneBlockConfig>);
  STATIC_REQUIRE(ZoneConfig<NullLockConfig>);
  STATIC_REQUIRE(ZoneConfig<SpinlockConfig>);
  STATIC_REQUIRE(ZoneConfig<StdLockConfig>);
  STATIC_REQUIRE(ZoneConfig<TracedConfig>);
}

TEST_CASE("ZoneConfig wants orders that fit: blocks from 1 page pair to one largest chunk",
          "[config]") {
  STATIC_REQUIRE(ZoneConfig<Orders<2, 1>>);
  STATIC_REQUIRE(ZoneConfig<Orders<20, 19>>);
  STATIC_REQUIRE(!ZoneConfig<Orders<1, 0>>);
  STATIC_REQUIRE(!ZoneConfig<Orders<21, 9>>);
  STATIC_REQUIRE(!ZoneConfig<Orders<5, 0>>);
  STATIC_REQUIRE(!ZoneConfig<Orders<5, 5>>);
}

TEST_CASE("ZoneConfig wants a CPU, a lock, a tracer and a kernel version", "[config]") {
  STATIC_REQUIRE(!ZoneConfig<NoCpus>);
  STATIC_REQUIRE(!ZoneConfig<NoLock>);
  STATIC_REQUIRE(!ZoneConfig<NoTracer>);
  STATIC_REQUIRE(!ZoneConfig<NoSemantics>);
  STATIC_REQUIRE(!ZoneConfig<int>);
}

TEST_CASE("Geometry says what follows from the two orders", "[config]") {
  STATIC_REQUIRE(Geometry<DefaultConfig>::pageblock_nr_pages == 512);
  STATIC_REQUIRE(Geometry<DefaultConfig>::top_order == Order{10});
  STATIC_REQUIRE(Geometry<DefaultConfig>::max_order_nr_pages == 1024);
  STATIC_REQUIRE(Geometry<TinyConfig>::pageblock_order == Order{3});
  STATIC_REQUIRE(Geometry<TinyConfig>::pageblock_nr_pages == 8);
  STATIC_REQUIRE(Geometry<TinyConfig>::max_order_nr_pages == 16);
}

}  // namespace pageblock::test::config_cases
