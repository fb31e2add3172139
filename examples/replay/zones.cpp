#include "replay/zones.hpp"

#include <algorithm>
#include <bit>
#include <string>

#include <fmt/format.h>

#include "pageblock/io/text/gfp_flags.hpp"

namespace example {

using namespace pageblock;

namespace {

constexpr std::string_view no_gfp_flags = "pages of the bulk allocator, which asks once for many";
constexpr std::string_view captured = "chunks handed to compacting tasks";
constexpr std::string_view by_hand = "watermarks that do not follow from the memory";
constexpr std::string_view drift = "free pages that a CPU has not yet told the zone";
constexpr std::string_view boost = "what kswapd has left of the watermarks' boost";
constexpr std::string_view dirty = "limits of dirty pages";
constexpr std::string_view below = "zones below all watermarks: reserves, reclaim";

constexpr std::size_t number_of_zone(ZoneType type) { return static_cast<std::size_t>(type); }

}  // namespace

ZoneForecaster::ZoneForecaster(ReplayMachine& machine, ReplayResult& result, Shown shown)
    : machine_{machine}, result_{result}, shown_{shown}, managed_{managed_pages()} {
  follow_thresholds();
  // Which of two rules has given T0's watermarks: they are far apart, unless both give the same.
  const Node<ReplayConfig>& node = machine_.node();
  const std::uint64_t usual = calculate_min_free_kbytes(node);
  const std::uint64_t with_huge_pages = recommended_min_free_kbytes(node);
  std::uint64_t pages = 0;
  for (const ReplayZone& zone : node.zones()) pages += zone.watermarks().min;
  has_huge_pages_ =
      with_huge_pages > usual && pages * kbytes_per_page > (usual + with_huge_pages) / 2;
  for (const ReplayZone& zone : node.zones()) {
    boosts_[number_of_zone(zone.type())] = zone.pressure().watermark_boost;
  }
}

std::vector<std::uint64_t> ZoneForecaster::managed_pages() {
  std::vector<std::uint64_t> pages;
  for (const ReplayZone& zone : machine_.node().zones()) pages.push_back(zone.managed_pages());
  return pages;
}

void ZoneForecaster::follow_memory() {
  if (managed_ == managed_pages()) return;
  managed_ = managed_pages();
  Node<ReplayConfig>& node = machine_.node();
  std::vector<Pageset> limits;
  for (const ReplayZone& zone : node.zones()) limits.push_back(zone.pageset());

  const std::uint64_t kbytes = calculate_min_free_kbytes(node);
  init_per_zone_wmark_min(node);
  if (const std::uint64_t more = recommended_min_free_kbytes(node);
      has_huge_pages_ && more > kbytes) {
    setup_per_zone_wmarks(node, more);
  }
  follow_thresholds();
  if (!shown_.limits) return;
  for (std::size_t i = 0; i < limits.size(); ++i) {  // they are set one by one
    node.zones()[i].set_pageset(limits[i].batch, limits[i].high);
  }
}

void ZoneForecaster::check_limits() {
  knows_watermarks_ = std::ranges::all_of(machine_.node().zones(), [](const ReplayZone& zone) {
    return zone.managed_pages() == 0 ||
           zone.pageset() ==
               zone_pageset(zone.managed_pages(), zone.watermarks().low, zone.nr_cpus());
  });
}

void ZoneForecaster::follow(const recorded::Reclaim& reclaim) {
  for (ReplayZone& zone : machine_.node().zones()) {
    if (number_of_zone(zone.type()) > reclaim.highest_zone) continue;
    std::uint64_t& at_begin = boosts_[number_of_zone(zone.type())];
    std::uint64_t& now = zone.pressure().watermark_boost;
    if (reclaim.active) {
      at_begin = now;
    } else {
      now -= std::min(now, at_begin);
    }
  }
}

// A zone that has shrunk keeps its threshold here. That is safe, as one that is lower for a time:
// what is told earlier leaves 0, which is always possible.
// Kernel: calculate_normal_threshold(), refresh_zone_stat_thresholds() (mm/vmstat.c).
void ZoneForecaster::follow_thresholds() {
  constexpr unsigned order_of_128_mib = 15;
  const auto zones = machine_.node().zones();
  thresholds_.resize(zones.size());
  unseen_.resize(zones.size());
  for (std::size_t i = 0; i < zones.size(); ++i) {
    const unsigned of_cpus = std::bit_width(zones[i].nr_cpus());
    const auto of_size =
        static_cast<unsigned>(std::bit_width(zones[i].managed_pages() >> order_of_128_mib));
    const std::int64_t threshold = std::min(2 * of_cpus * (1 + of_size), 125U);
    thresholds_[i] = std::max(thresholds_[i], threshold);
    unseen_[i].resize(zones[i].nr_cpus(), {-threshold, threshold});
  }
}

void ZoneForecaster::count_free(std::size_t zone, Cpu cpu, std::int64_t change, std::int64_t step) {
  if (change == 0 || cpu.id() >= unseen_[zone].size()) return;
  const std::int64_t most = thresholds_[zone];
  auto& [low, high] = unseen_[zone][cpu.id()];
  if (step == 0) {
    low = -most;
    high = most;
    return;
  }
  // Kernel: __mod_zone_page_state().
  for (; change != 0; change -= step) {
    const bool all_told = low + step > most || high + step < -most;
    low = all_told ? 0 : std::clamp<std::int64_t>(low + step, -most, 0);
    high = all_told ? 0 : std::clamp<std::int64_t>(high + step, 0, most);
  }
}

ZoneForecaster::Unseen ZoneForecaster::unseen(std::size_t zone) const {
  Unseen sum;
  for (const Unseen& of_cpu : unseen_[zone]) {
    sum.least += of_cpu.least;
    sum.most += of_cpu.most;
  }
  return sum;
}

// Asks all zones once, and returns whether one is sure to serve.
bool ZoneForecaster::ask(const Request& request, unsigned flags, Possible& possible) {
  const auto zones = machine_.node().zones();
  for (std::size_t i = 0; i < zones.size(); ++i) {
    const ReplayZone& zone = zones[i];
    if (zone.type() > request.gfp.highest_zone) continue;
    const auto serves = [&](std::int64_t more) {
      return forecast_answer(zone, request.cpu, request.order, request.gfp, flags,
                             zone.nr_free_pages() + more) == ZoneAnswer::served;
    };
    const unsigned bit = 1U << number_of_zone(zone.type());
    const Unseen told_later = unseen(i);
    if (serves(-told_later.most)) {
      possible.zones |= bit;
      return true;
    }
    const auto boosted =
        static_cast<std::int64_t>(shown_.reclaim ? 0 : zone.pressure().watermark_boost);
    if (!serves(boosted - told_later.least)) continue;
    possible.zones |= bit;
    possible.doubt(serves(-told_later.least) ? drift : boost);
  }
  return false;
}

// Kernel: __alloc_pages(), as far as nobody has to make memory free.
ZoneForecaster::Possible ZoneForecaster::ask(const Request& request, bool for_writing) {
  const Gfp& gfp = request.gfp;
  const unsigned slow = gfp_to_alloc_flags<ReplayConfig>(gfp, request.order);
  const unsigned fast = (slow & alloc_flags::kswapd) | alloc_flags::wmark_low;
  const unsigned no_fragment = detail::nofragment_flag(machine_.node(), gfp.highest_zone);
  Possible possible;
  bool is_sure = no_fragment != 0 && ask(request, fast | no_fragment, possible);
  is_sure = is_sure || ask(request, fast, possible);
  // Whether there are too many dirty pages for a page that will be written to, no event says. If so,
  // no zone is good enough at first.
  if (is_sure && for_writing) {
    const unsigned at_first = possible.zones;
    is_sure = ask(request, slow, possible);
    if (possible.zones != at_first) possible.doubt(dirty);
  } else {
    is_sure = is_sure || ask(request, slow, possible);
  }
  possible.any = !is_sure;
  if (!is_sure) possible.doubt(below);
  return possible;
}

void ZoneForecaster::compare(const recorded::Operation& operation,
                             const recorded::Allocation& request, bool is_captured,
                             const ReplayZone& observed) {
  const auto leave_open = [this](std::string_view why) {
    ++result_.open_zones.try_emplace(std::string{why}).first->second;
  };
  if (is_captured) return leave_open(captured);
  if (request.gfp_flags.empty()) return leave_open(no_gfp_flags);
  if (!knows_watermarks_) return leave_open(by_hand);
  const Request of{operation.cpu, request.order, parse_gfp_flags(request.gfp_flags)};
  const bool for_writing = request.gfp_flags.find("__GFP_WRITE") != std::string_view::npos;
  const Possible possible = ask(of, for_writing);
  const unsigned bit = 1U << number_of_zone(observed.type());
  const bool may_be =
      observed.type() <= of.gfp.highest_zone && (possible.any || (possible.zones & bit) != 0);
  if (may_be && !possible.reason.empty()) return leave_open(possible.reason);
  result_.zones.count(may_be);
  if (!may_be) note_miss(operation.line, of, possible, observed);
}

void ZoneForecaster::note_miss(std::size_t line, const Request& request, const Possible& possible,
                               const ReplayZone& observed) {
  if (result_.first_zone) return;
  ZoneMisprediction miss{.line = line,
                         .what = fmt::format("a chunk of order {}, {}, on CPU {}", request.order,
                                             request.gfp.migratetype, request.cpu),
                         .observed = std::string{observed.name()}};
  for (const ReplayZone& zone : machine_.node().zonelist(request.gfp.highest_zone)) {
    if (miss.predicted.empty() && (possible.zones >> number_of_zone(zone.type()) & 1U) != 0) {
      miss.predicted = zone.name();
    }
    const Watermarks marks = zone.watermarks();
    miss.zones.push_back(fmt::format(
        "{}: {} pages free, {} of them for urgent requests; watermarks {} and {}, boost {}; {} to "
        "be left by this request",
        zone.name(), zone.nr_free_pages(), zone.pressure().nr_reserved_highatomic, marks.min,
        marks.low, zone.pressure().watermark_boost,
        zone.lowmem_reserve(number_of_zone(request.gfp.highest_zone))));
  }
  result_.first_zone = std::move(miss);
}

}  // namespace example
