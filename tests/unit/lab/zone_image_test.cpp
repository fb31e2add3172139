// SPDX-License-Identifier: MIT
#include "pageblock/lab/zone_image.hpp"

#include <random>
#include <string>
#include <vector>

#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/catch.hpp"

namespace zone_image_test {

using namespace pageblock;  // NOLINT

template <const Semantics& version>
struct SmallConfig : DefaultConfig {
  static constexpr unsigned max_order = 3;
  static constexpr unsigned pageblock_order = 1;
  static constexpr unsigned nr_cpus = 2;
  static constexpr Semantics semantics = version;
  using Lock = NullLock;
};

template <typename Zone>
std::string image_of(const Zone& zone) {
  std::string image;
  append_image(image, zone);
  return image;
}

// Zones that come of the same start by requests and frees at random; no block is isolated, as the image
// leaves the order of those lists out.
template <const Semantics& version>
void check_images() {
  using Zone = pageblock::Zone<SmallConfig<version>>;
  std::mt19937_64 random{5};
  std::vector<Zone> zones;
  for (int walk = 0; walk < 12; ++walk) {
    Zone zone{{.spanned_pages = 8, .nr_cpus = 2}};
    std::vector<std::pair<Pfn, Order>> held;
    for (int step = 0; step < 6; ++step) {
      const Cpu cpu{static_cast<unsigned>(random() % 2)};
      const Order order{static_cast<unsigned>(random() % 2)};
      if (random() % 3 == 0) {
        drain_pages(zone, cpu);
      } else if (random() % 2 == 0 && !held.empty()) {
        free_pages(zone, cpu, held.back().first, held.back().second);
        held.pop_back();
      } else if (const auto page = alloc_pages(zone, cpu, order, MigrateType::movable)) {
        held.emplace_back(page->pfn(), order);
      }
      zones.push_back(zone);
    }
  }
  std::size_t nr_equal = 0;
  for (const Zone& a : zones) {
    for (const Zone& b : zones) {
      CHECK((a == b) == (image_of(a) == image_of(b)));
      if (a == b) ++nr_equal;
    }
  }
  CHECK(nr_equal > zones.size());
}

TEST_CASE("append_image() gives equal bytes for equal zones only", "[zone_image]") {
  check_images<kernel::v3_6>();
  check_images<kernel::v6_1>();
}

TEST_CASE("append_image() leaves out the order of the isolate lists", "[zone_image]") {
  using Zone = pageblock::Zone<SmallConfig<kernel::v6_1>>;
  Zone up{{.spanned_pages = 8, .populate_order = Order{1}, .nr_cpus = 2}};
  Zone down = up;
  for (const Pfn pfn : {Pfn{0}, Pfn{4}}) {
    static_cast<void>(set_migratetype_isolate(up, pfn));
  }
  for (const Pfn pfn : {Pfn{4}, Pfn{0}}) {
    static_cast<void>(set_migratetype_isolate(down, pfn));
  }
  CHECK(image_of(up) == image_of(down));
  static_cast<void>(set_migratetype_isolate(down, Pfn{2}));
  CHECK(image_of(up) != image_of(down));
}

}  // namespace zone_image_test
