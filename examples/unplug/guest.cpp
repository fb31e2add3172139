// SPDX-License-Identifier: MIT
#include "unplug/guest.hpp"

#include <map>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "pageblock/clients/balloon.hpp"
#include "pageblock/clients/dimm.hpp"
#include "pageblock/clients/virtio_mem.hpp"
#include "pageblock/lab/metrics.hpp"
#include "pageblock/lab/ready_workloads.hpp"
#include "pageblock/mm/drain.hpp"

#include "unplug/aged_guest.hpp"
#include "unplug/with_kernel.hpp"

namespace example {

using namespace pageblock;

namespace {

constexpr std::uint64_t memory_block = 32768;

PfnRange region_of(const GuestSettings& settings) {
  return {Pfn{settings.boot}, Pfn{settings.memory}};
}

OnlineType online_type(Online online) {
  if (online == Online::kernel) return OnlineType::online_kernel;
  if (online == Online::movable) return OnlineType::online_movable;
  return OnlineType::online;
}
OnlinePolicy online_policy(Online online) {
  return online == Online::automatic ? OnlinePolicy::auto_movable : OnlinePolicy::contig_zones;
}

// What the guest booted with, and room for what is plugged in both zones.
template <typename Config>
Node<Config> booted(const GuestSettings& settings) {
  const PfnRange region = region_of(settings);
  constexpr std::uint64_t image = 8192;  // of the kernel: 32 MiB
  std::vector<Zone<Config>> zones;
  zones.emplace_back(ZoneLayout{
      .spanned_pages = settings.memory, .holes = {region}, .reserved = {{Pfn{0}, Pfn{image}}}});
  zones.emplace_back(ZoneLayout{.name = "Movable",
                                .type = ZoneType::movable,
                                .start_pfn = region.start,
                                .spanned_pages = region.nr_pages(),
                                .holes = {region}});
  Node<Config> node{std::move(zones)};
  init_per_zone_wmark_min(node);
  return node;
}

// A mechanism, before and after the guest has aged.
class Device {
 public:
  Device(const GuestSettings& settings, Mechanism mechanism)
      : settings_{settings},
        mechanism_{mechanism},
        virtio_mem_{{.region = region_of(settings),
                     .device_block = settings.sub_block,
                     .memory_block = memory_block,
                     .online_type = online_type(settings.online),
                     .online_policy = online_policy(settings.online),
                     .auto_movable_ratio = settings.ratio,
                     .force_bbm = mechanism == Mechanism::big_blocks},
                    Order{9}} {
    const PfnRange region = region_of(settings);
    const std::uint64_t size = mechanism == Mechanism::blocks ? memory_block : settings.dimm;
    for (Pfn pfn = region.start; pfn < region.end; pfn += size) {
      dimms_.emplace_back(DimmSettings{.range = {pfn, pfn + size},
                                       .memory_block = memory_block,
                                       .online_type = online_type(settings.online),
                                       .online_policy = online_policy(settings.online),
                                       .auto_movable_ratio = settings.ratio,
                                       .hotplug = {.rounds = 5}});
    }
  }

  template <typename Config>
  void plug(Node<Config>& node) {
    if (mechanism_ == Mechanism::dimm || mechanism_ == Mechanism::blocks) {
      for (Dimm& dimm : dimms_) dimm.plug(node);
    } else {
      virtio_mem_.request(region_of(settings_).nr_pages());
      if (virtio_mem_.run(node) != ok) throw std::runtime_error{"the guest cannot be plugged"};
    }
  }

  template <typename Config>
  void shrink(AgedGuest<Config>& guest, Row& row) {
    if (mechanism_ == Mechanism::balloon) {
      Balloon balloon;
      std::uint64_t got = 0;
      do {
        got = balloon.inflate(guest.node, row.wanted - balloon.nr_pages());
        row.tries += got == 0 ? 0 : 1;
      } while (got == Balloon::step_pages);
      row.back = balloon.nr_pages();
      return;
    }
    if (mechanism_ == Mechanism::dimm || mechanism_ == Mechanism::blocks) {
      for (auto dimm = dimms_.rbegin(); dimm != dimms_.rend(); ++dimm) {
        const std::uint64_t size = dimm->online_pages();
        if (row.back + size > row.wanted) continue;
        Attempt attempt;
        if (dimm->unplug(guest.node, guest.pages, &attempt) == ok) row.back += size;
        count(attempt, memory_block, row);
      }
      return;
    }
    const std::uint64_t step = virtio_mem_.step_pages();
    const std::uint64_t plugged = virtio_mem_.plugged_pages();
    virtio_mem_.request(plugged - std::min(plugged, row.wanted / step * step));
    Attempt attempt;
    static_cast<void>(virtio_mem_.run(guest.node, guest.pages, &attempt));
    row.back = plugged - virtio_mem_.plugged_pages();
    count(attempt, std::min(step, memory_block), row);
  }

 private:
  static Holder holder_of(const Candidate& place) {
    if (place.status == -Err::nomem) return Holder::no_copy;
    if (place.blockers.empty()) return Holder::other;
    const Reason reason = place.blockers.front().reason;
    if (reason == Reason::not_lru) return Holder::kernel;
    if (reason == Reason::pinned) return Holder::pinned;
    return reason == Reason::no_copy ? Holder::no_copy : Holder::other;
  }

  // A range is held by what was in the way when it was tried last; tries of larger ranges are repeated in parts.
  static void count(const Attempt& attempt, std::uint64_t step, Row& row) {
    std::map<Pfn, std::optional<Holder>> held;
    for (const Candidate& place : attempt.candidates) {
      ++row.tries;
      if (place.status != ok) ++row.failed;
      if (place.range.nr_pages() != step) continue;
      held[place.range.start] = place.status == ok ? std::nullopt : std::optional{holder_of(place)};
    }
    for (const auto& [start, holder] : held) {
      if (holder) row.held[static_cast<std::size_t>(*holder)] += step;
    }
    row.moved += attempt.nr_migrated();
    row.dropped += attempt.nr_reclaimed();
  }

  GuestSettings settings_;
  Mechanism mechanism_;
  VirtioMem virtio_mem_;
  std::vector<Dimm> dimms_;
};

// Guests that are alike before they age are so afterwards: the last one is kept.
template <typename Config>
class Guests {
 public:
  const AgedGuest<Config>& aged(const Node<Config>& plugged, const GuestSettings& settings) {
    const bool is_known = plugged_ && *plugged_ == plugged && ages_alike(settings_, settings);
    if (!is_known) {
      aged_.reset();
      plugged_.emplace(plugged);
      settings_ = settings;
      aged_.emplace(age_guest(plugged, settings));
    }
    return *aged_;
  }

 private:
  static bool ages_alike(const GuestSettings& a, const GuestSettings& b) {
    return a.memory == b.memory && a.peak == b.peak && a.utilisation == b.utilisation &&
           a.kernel == b.kernel && a.cache == b.cache && a.pinned == b.pinned &&
           a.long_term == b.long_term && a.age == b.age && a.seed == b.seed;
  }
  std::optional<Node<Config>> plugged_{};
  std::optional<AgedGuest<Config>> aged_{};
  GuestSettings settings_{};
};

template <typename Config>
Row make_row(Guests<Config>& guests, const GuestSettings& settings, Mechanism mechanism) {
  Device device{settings, mechanism};
  Node<Config> node = booted<Config>(settings);
  device.plug(node);
  AgedGuest<Config> guest = guests.aged(node, settings);
  Row row{.guest = settings, .mechanism = mechanism, .refused = guest.refused};
  row.movable = guest.node.find(ZoneType::movable)->present_pages();
  row.free = free_memory(guest.node).nr_pages();
  row.wanted = std::min(row.free * settings.want / 100, region_of(settings).nr_pages());
  device.shrink(guest, row);
  return row;
}

}  // namespace

std::string_view to_string(Mechanism mechanism) {
  constexpr std::array<std::string_view, 5> names{"virtio-mem", "big-blocks", "blocks", "dimm",
                                                  "balloon"};
  return names[static_cast<std::size_t>(mechanism)];
}

std::string_view to_string(Online online) {
  constexpr std::array<std::string_view, 4> names{"online_kernel", "online_movable", "online",
                                                  "auto-movable"};
  return names[static_cast<std::size_t>(online)];
}

std::string_view to_string(Holder holder) {
  constexpr std::array<std::string_view, nr_holders> names{"kernel", "pinned", "no_copy", "other"};
  return names[static_cast<std::size_t>(holder)];
}

std::uint64_t step_of(const Row& row) {
  switch (row.mechanism) {
    case Mechanism::virtio_mem:
      return row.guest.sub_block;
    case Mechanism::dimm:
      return row.guest.dimm;
    case Mechanism::balloon:
      return 1;
    default:
      return memory_block;
  }
}

std::uint64_t share_back(const Row& row) {
  return row.wanted == 0 ? 0 : 1000 * row.back / row.wanted;
}

const std::vector<std::string>& kernel_names() {
  static const std::vector<std::string> names{"v6.1", "v6.12", "v7.2"};
  return names;
}

std::string problem_of(const GuestSettings& settings) {
  const auto is_whole = [](std::uint64_t pages, std::uint64_t of) { return pages % of == 0; };
  if (!is_whole(settings.dimm, memory_block) || settings.dimm == 0)
    return "--dimm is whole memory blocks of 128M";
  if (settings.boot >= settings.memory) return "--boot is less than --memory: the rest is plugged";
  if (!is_whole(settings.boot, memory_block) || settings.boot < 2 * memory_block)
    return "--boot is whole memory blocks of 128M, two at least";
  if (!is_whole(settings.memory - settings.boot, settings.dimm))
    return "what is plugged, --memory without --boot, is whole DIMMs (--dimm)";
  if (settings.boot % settings.sub_block != 0 || settings.memory % settings.sub_block != 0)
    return "--memory and --boot are whole sub-blocks (--sub-block)";
  if (settings.utilisation > settings.peak) return "--utilisation is at most --peak";
  if (settings.kernel + settings.cache > 100) return "--kernel-share and --cache are at most 100";
  return {};
}

std::vector<Row> make_rows(std::string_view kernel, const std::vector<GuestSettings>& guests,
                           const std::vector<Mechanism>& mechanisms,
                           const std::function<void(std::size_t, std::size_t)>& progress) {
  return with_kernel(kernel, [&]<typename Config>(Config) {
    Guests<Config> known;
    std::vector<Row> rows;
    std::size_t done = 0;
    for (const GuestSettings& guest : guests) {
      for (const Mechanism mechanism : mechanisms) {
        ++done;
        // Only virtio-mem asks how large a sub-block is.
        const bool is_new = guest.sub_block == guests.front().sub_block;
        if (is_new || mechanism == Mechanism::virtio_mem) {
          rows.push_back(make_row(known, guest, mechanism));
        }
        progress(done, guests.size() * mechanisms.size());
      }
    }
    return rows;
  });
}

}  // namespace example
