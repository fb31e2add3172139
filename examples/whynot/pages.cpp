// SPDX-License-Identifier: MIT
// Contiguous allocations that fail, pages that stand in the way, and who has them.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pageblock/clients/cma_places.hpp"
#include "pageblock/io/text/kpageflags.hpp"
#include "pageblock/io/text/page_pointer.hpp"

#include "whynot/answer.hpp"

namespace example {

using namespace pageblock;

namespace {

// The size of a page: as a report in the same input shows it, else that of most machines.
std::uint64_t page_size_of(const Question& question) {
  for (const Finding& finding : question.findings->found) {
    const auto* report = std::get_if<AllocationReport>(&finding.what);
    if (report != nullptr && report->info.is_page_size_known)
      return report->info.page_kbytes * 1024;
  }
  return 4096;
}

// The size of a memory block: as a log names a block that did not go, else that of most machines.
struct BlockSize {
  std::uint64_t bytes = std::uint64_t{128} << 20;
  bool is_known = false;
  std::uint64_t page_bytes = 4096;
};
BlockSize block_size(const Question& question) {
  BlockSize size;
  for (const Finding& finding : question.findings->found) {
    const auto* failure = std::get_if<OfflineFailure>(&finding.what);
    if (failure == nullptr || !std::has_single_bit(failure->end - failure->start)) continue;
    if (failure->start % (failure->end - failure->start) != 0) continue;
    size.bytes = failure->end - failure->start;
    size.is_known = true;
  }
  size.page_bytes = page_size_of(question);
  return size;
}

std::string block_name(Pfn pfn, const BlockSize& size) {
  return fmt::format("memory{}",
                     pfn.value() / std::max<std::uint64_t>(size.bytes / size.page_bytes, 1));
}
std::string block_text(Pfn pfn, const BlockSize& size) {
  return fmt::format("{} ({}{} MiB a block)", block_name(pfn, size),
                     size.is_known ? "" : "if it has ", size.bytes >> 20);
}

// What single pages of a range are, where a snapshot says it.
void add_pages(Answer& answer, const PfnRange& range, const Question& question) {
  if (question.pages == nullptr) return;
  const PagesOfRange pages = question.pages->look_up(range);
  Json counts = Json::object();
  std::string list;
  for (const auto& [kind, count] : pages.counts) {
    counts[std::string{to_string(kind)}] = count;
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", count, to_string(kind));
  }
  Json stuck = Json::array();
  std::string stuck_text;
  for (const auto& [pfn, kind] : pages.stuck) {
    stuck.push_back(
        {{"pfn", pfn.value()},
         {"page", to_string(kind)},
         {"movable", movability(kind) == Movability::unmovable ? Json(false) : Json(nullptr)}});
    stuck_text += fmt::format(
        "  {:x}: {}, {}\n", pfn.value(), to_string(kind),
        movability(kind) == Movability::unmovable ? "does not move" : "nobody knows if it moves");
  }
  answer.json["pages"] = std::move(counts);
  answer.json["stuck"] = std::move(stuck);
  answer.text += fmt::format("By {}: {}.\n{}", question.pages->name(),
                             list.empty() ? "no page of it is in the file" : list, stuck_text);
  if (pages.stuck.empty() && !list.empty()) {
    answer.text += "All of them can move: if some are busy, a reference holds them for a while.\n";
  }
}

std::string_view stay_text(PageStay stay) {
  switch (stay) {
    case PageStay::until_reboot:
      return "permanent: it never moves, so its block cannot go until the next boot; waiting will "
             "not "
             "help";
    case PageStay::while_in_use:
      return "it cannot be moved; it goes when its user frees it, so waiting helps only then";
    case PageStay::until_given_back:
      return "it cannot be moved; it comes back when the balloon or virtio-mem gives it back";
    default:
      return "it can be moved, or soon goes: somebody holds a reference for now, so trying again "
             "may "
             "help (a long pin, as of RDMA or VFIO, stays)";
  }
}

std::string_view stay_word(PageStay stay) {
  constexpr std::array<std::string_view, 4> words{"until_reboot", "while_in_use", "for_a_moment",
                                                  "until_given_back"};
  return words[static_cast<std::size_t>(stay)];
}

// "Movable" for 3, as x86-64 with DMA and DMA32 counts.
std::string zone_text(unsigned zone) {
  constexpr std::array<std::string_view, 5> names{"DMA", "DMA32", "Normal", "Movable", "Device"};
  return zone < names.size()
             ? fmt::format("zone {} ({} where there are DMA and DMA32)", zone, names[zone])
             : fmt::format("zone {}", zone);
}

std::string what_is(const PageDump& dump, PageKind kind) {
  std::string text{to_string(kind)};
  if (kind == PageKind::off_lru && dump.is_of_file) text = "page cache, off its LRU list";
  if (kind == PageKind::reserved) text += ": memory of boot, firmware or the memory map";
  if (dump.has("hwpoison") && kind != PageKind::poisoned)
    text += ", and with a memory error (poisoned)";
  if (!dump.type.empty() && kind == PageKind::unknown) text += fmt::format(" (type {})", dump.type);
  return text;
}

}  // namespace

Answer answer_to(const CmaReport& report, const Question& question) {
  const CmaFailure& failure = report.failure;
  const Order align = cma_alignment(failure.nr_pages);
  Answer answer;
  Json& json = answer.json;
  json["kind"] = "cma_failure";
  json["area"] = failure.area.empty() ? Json(nullptr) : Json(failure.area);
  json["requested"] = failure.nr_pages;
  json["error"] = -static_cast<int>(failure.error);
  answer.title =
      fmt::format("CMA{}: {} got no {}, {}", failure.area.empty() ? "" : " area " + failure.area,
                  "an allocation", count_text(failure.nr_pages, "page"),
                  failure.error == 12   ? "-12 (ENOMEM)"
                  : failure.error == 16 ? "-16 (EBUSY)"
                  : failure.error == 4  ? "-4 (EINTR)"
                                        : fmt::format("-{}", failure.error));
  std::string cause = failure.error == 16   ? "blocked"
                      : failure.error == 12 ? "no_place"
                      : failure.error == 4  ? "interrupted"
                                            : "unknown";
  std::string& text = answer.text;
  if (report.map) {
    const CmaMap& map = *report.map;
    const std::uint64_t places = nr_cma_places(map.runs, failure.nr_pages, align);
    const CmaRun longest = longest_cma_run(map.runs);
    if (failure.error != 4) {
      cause = places != 0 ? "blocked" : map.free < failure.nr_pages ? "full" : "split";
    }
    json["cause"] = cause;
    json["free"] = map.free;
    json["total"] = map.total;
    json["largest_run"] = longest.count;
    json["alignment"] = align.nr_pages();
    json["places"] = places;
    const std::uint64_t stuck = least_stuck_pages(map.runs, failure.nr_pages, align);
    json["stuck_pages"] = stuck;
    text += fmt::format("{} of {} pages are unreserved, in {}; the largest has {} from {} on.\n",
                        map.free, map.total, count_text(map.runs.size(), "run"), longest.count,
                        longest.start);
    if (cause == "full") {
      text += fmt::format(
          "Why: the area is full: {} free pages are fewer than {}. Other users of the area "
          "have them; migration has nothing to do with it.\n",
          map.free, failure.nr_pages);
    } else if (cause == "split") {
      text += fmt::format(
          "Why: the area is split: no run has room for {} pages{}. Other users of the area "
          "are in the way; migration has nothing to do with it.\n",
          failure.nr_pages,
          align.value() == 0 ? std::string{}
                             : fmt::format(" at a multiple of {}", align.nr_pages()));
    } else if (cause == "blocked") {
      text += fmt::format(
          "Why: not fragmentation of the area: {} would have room, at an alignment of {} "
          "pages, and {} busy: pages in {} could not be migrated.\n",
          count_text(places, "place"), align.nr_pages(), places == 1 ? "it was" : "all were",
          places == 1 ? "it" : "each of them");
      text +=
          fmt::format("To leave no {} in a row, at least {} must be stuck{}.\n", failure.nr_pages,
                      count_text(stuck, "page"), stuck > 1 ? " in different places" : "");
    }
    // What would fit: the largest power of two.
    Json fits = nullptr;
    if (longest.count != 0 && longest.count < failure.nr_pages) {
      const std::uint64_t smaller = std::bit_floor(longest.count);
      const Order smaller_align = cma_alignment(smaller);
      const std::uint64_t unaligned = nr_cma_places(map.runs, smaller, Order{0});
      const std::uint64_t aligned = nr_cma_places(map.runs, smaller, smaller_align);
      fits = {{"pages", smaller}, {"places_unaligned", unaligned}, {"places", aligned}};
      text +=
          fmt::format("A smaller request: {} pages would fit unaligned ({}), aligned to {}: {}.\n",
                      smaller, count_text(unaligned, "place"), smaller_align.nr_pages(),
                      aligned == 0 ? std::string{"none"} : count_text(aligned, "place"));
    }
    json["fits"] = std::move(fits);
  } else {
    json["cause"] = cause;
    text +=
        cause == "blocked"
            ? "Why: there was room in the area, but pages in it could not be migrated.\n"
        : cause == "no_place"
            ? "Why: no run of unreserved pages in the area is long enough: it is full or split; "
              "migration has nothing to do with it.\n"
        : cause == "interrupted" ? "Why: the caller got a signal while it waited.\n"
                                 : "";
    if (cause != "interrupted") {
      text +=
          "The text has no map of the area (\"number of available pages\", which a kernel with "
          "CONFIG_CMA_DEBUG prints), so how many places there were is open.\n";
    }
  }
  Json named = Json::array();
  for (const PagePointer& busy : report.busy) {
    if (busy.pfn) named.push_back(busy.pfn->value());
  }
  json["busy_pfns"] = named;
  json["tried"] = report.nr_busy;
  if (report.nr_busy != 0) {
    text += fmt::format("{} named as busy", count_text(report.nr_busy, "place"));
    text += report.nr_busy == 1 ? " is" : " are";
    text += named.empty() ? ", by addresses that the kernel hides.\n" : ": ";
    bool is_guessed = false;
    for (std::size_t i = 0; i < report.busy.size() && !named.empty(); ++i) {
      if (!report.busy[i].pfn) continue;
      text += fmt::format("{}pfn {:x}", i == 0 ? "" : ", ", report.busy[i].pfn->value());
      is_guessed = is_guessed || !report.busy[i].is_pfn_printed;
    }
    if (!named.empty()) {
      text +=
          is_guessed ? " (from the address, for x86-64 without address randomisation).\n" : ".\n";
    }
  }
  const auto place =
      std::ranges::find_if(report.busy, [](const auto& busy) { return busy.pfn.has_value(); });
  if (place != report.busy.end()) {
    add_pages(answer, {*place->pfn, *place->pfn + failure.nr_pages}, question);
  }
  if (cause == "blocked") {
    text +=
        "What would help:\n  try again (a reference may be held for a moment only)\n  keep pages "
        "that "
        "stay out of the area: page_owner shows whose they are.\n";
  } else if (cause == "full" || cause == "split" || cause == "no_place") {
    text += "What would help:\n  a larger area (cma=), or smaller requests\n";
  }
  answer.likeness = fmt::format("cma|{}|{}|{}", failure.area, failure.nr_pages, cause);
  return answer;
}

Answer answer_to(const BusyRange& busy, const Question& question) {
  const PfnRange& range = busy.range;
  const BlockSize size = block_size(question);
  Answer answer;
  answer.json = {{"kind", "pfns_busy"},
                 {"start_pfn", range.start.value()},
                 {"end_pfn", range.end.value()},
                 {"memory_block", block_name(range.start, size)},
                 {"memory_block_size", size.bytes},
                 {"first_pageblock", range.start.value() >> 9},
                 {"last_pageblock", (range.end.value() - 1) >> 9}};
  answer.title =
      fmt::format("pages [{:x}, {:x}) are busy: a contiguous allocation goes elsewhere, or fails",
                  range.start.value(), range.end.value());
  answer.text = fmt::format(
      "{}, at {:#x}, in {}; pageblocks {} to {} (of 512 pages).\n"
      "Why: after migration at least one page of the range was still in use, or on its way.\n",
      count_text(range.nr_pages(), "page"), range.start.value() * size.page_bytes,
      block_text(range.start, size), range.start.value() >> 9, (range.end.value() - 1) >> 9);
  add_pages(answer, range, question);
  if (question.pages == nullptr) {
    answer.text +=
        "Which one, a folder with a snapshot beside the log says (kpageflags), or page_owner.\n";
  }
  answer.likeness = fmt::format("busy|{:x}|{:x}", range.start.value(), range.end.value());
  return answer;
}

Answer answer_to(const PageDump& dump, const Question& question) {
  const PageKind kind = dump.kind();
  const PageStay stay = stay_of(kind);
  const BlockSize size = block_size(question);
  Answer answer;
  Json& json = answer.json;
  const bool is_migration = dump.reason != "unmovable page";
  json["kind"] = is_migration ? "migration_failure" : "unmovable_page";
  json["reason"] = dump.reason;
  json["pfn"] = dump.page.pfn ? Json(dump.page.pfn->value()) : Json(nullptr);
  json["pfn_is_derived"] = dump.page.pfn && !dump.page.is_pfn_printed;
  json["memory_block"] = dump.page.pfn ? Json(block_name(*dump.page.pfn, size)) : Json(nullptr);
  json["memory_block_size"] = size.bytes;
  json["page"] = to_string(kind);
  json["stays"] = stay_word(stay);
  json["permanent"] = stay == PageStay::until_reboot;
  json["flags"] = dump.flags;
  json["node"] = json_or_null(dump.node);
  json["zone"] = json_or_null(dump.zone);
  const std::string name =
      dump.page.pfn ? fmt::format("page {:x}", dump.page.pfn->value()) : std::string{"a page"};
  answer.title = is_migration ? fmt::format("{} could not be migrated", name)
                              : fmt::format("{} stands in the way ({})", name, dump.reason);
  std::string& text = answer.text;
  if (dump.page.pfn) {
    text += fmt::format(
        "pfn {:x} = {:#x}, block {}{}.\n", dump.page.pfn->value(),
        dump.page.pfn->value() * size.page_bytes, block_text(*dump.page.pfn, size),
        dump.page.is_pfn_printed
            ? ""
            : ", from the descriptor's address: x86-64 without address randomisation, 64 "
              "bytes a descriptor");
    if (!dump.page.is_pfn_printed) {
      const std::uint64_t address = dump.page.pfn->value() * size.page_bytes;
      for (const Finding& finding : question.findings->found) {
        const auto* failure = std::get_if<OfflineFailure>(&finding.what);
        if (failure == nullptr || address < failure->start || address >= failure->end) continue;
        text += fmt::format("The range [{:#x}, {:#x}) that did not go offline confirms it.\n",
                            failure->start, failure->end);
        json["confirmed_by_range"] = true;
        break;
      }
    }
  } else {
    text += fmt::format(
        "The text has no pfn (kernels before 5.9), and the address {} does not tell it.\n",
        dump.page.address);
  }
  text += fmt::format("What it is: {}{}.\n", what_is(dump, kind),
                      dump.zone ? ", in " + zone_text(*dump.zone) : std::string{});
  text += fmt::format("Permanent or not: {}.\n", stay_text(stay));
  if (dump.page.pfn) add_pages(answer, {*dump.page.pfn, *dump.page.pfn + 1}, question);
  answer.likeness =
      fmt::format("dump|{}|{}|{}", dump.reason, to_string(kind),
                  dump.page.pfn ? fmt::format("{:x}", dump.page.pfn->value()) : dump.page.address);
  return answer;
}

Answer answer_to(const OfflineFailure& failure, const Question& question) {
  Answer answer;
  const std::uint64_t page_size = page_size_of(question);
  const std::uint64_t size = failure.end - failure.start;
  answer.json = {{"kind", "offline_failure"},
                 {"start_pfn", failure.start / page_size},
                 {"end_pfn", failure.end / page_size},
                 {"memory_block", fmt::format("memory{}", failure.start / size)},
                 {"reason", failure.reason}};
  answer.title = fmt::format("memory [{:#x}, {:#x}) did not go offline: {}", failure.start,
                             failure.end, failure.reason);
  struct Meaning {
    std::string_view reason;
    std::string_view text;
  };
  constexpr std::array<Meaning, 7> meanings{{
      {"failure to isolate range", "a page in it cannot be moved: the kernel shows it just before"},
      {"unmovable page", "a page in it cannot be moved: the kernel shows it just before"},
      {"memory holes", "part of the range is no memory, so it cannot go as a whole"},
      {"multizone range", "the range belongs to two zones"},
      {"notifier failure", "a driver objects"},
      {"signal backoff",
       "it took so long that somebody gave up: pages in it could not be migrated"},
      {"failure to dissolve huge pages", "a free huge page in it is needed"},
  }};
  for (const auto& [reason, text] : meanings) {
    if (failure.reason == reason) answer.text = fmt::format("Why: {}.\n", text);
  }
  answer.likeness = fmt::format("offline|{}|{}", failure.start, failure.reason);
  return answer;
}

namespace {

// Frames that all allocations have say nothing.
bool says_nothing(std::string_view frame) {
  constexpr std::array<std::string_view, 17> common{
      "prep_new_page",        "post_alloc_hook",  "get_page_from_freelist",
      "__alloc_pages",        "alloc_pages",      "__folio_alloc",
      "folio_alloc",          "__set_page_owner", "save_stack",
      "alloc_pages_mpol",     "alloc_pages_vma",  "alloc_pages_current",
      "vma_alloc_folio",      "__alloc_frozen",   "alloc_frozen",
      "register_early_stack", "__vma_alloc_folio"};
  return std::ranges::any_of(common, [frame](auto name) { return frame.starts_with(name); });
}

std::string stack_text(const PageOwnerGroup& group) {
  std::string text;
  int shown = 0;
  for (const std::string& frame : group.stack) {
    if (says_nothing(frame)) continue;
    if (shown++ == 4) break;
    text += fmt::format("{}{}", text.empty() ? "" : " < ", frame);
  }
  return text.empty() ? "(no stack)" : text;
}

}  // namespace

Answer answer_to(const PageOwners& owners, const Question& /*question*/) {
  constexpr std::size_t most_shown = 10;
  Answer answer;
  Json& json = answer.json;
  json["kind"] = "page_owner";
  std::uint64_t nr_pages = 0;
  std::uint64_t nr_allocations = 0;
  for (const PageOwnerGroup& group : owners.groups) {
    nr_pages += group.nr_pages;
    nr_allocations += group.nr_allocations;
  }
  json["allocations"] = nr_allocations;
  json["pages"] = nr_pages;
  json["blocks"] = Json::array();
  answer.title = fmt::format("the owners of {} in {}", count_text(nr_pages, "page"),
                             count_text(nr_allocations, "allocation"));
  std::string& text = answer.text;
  const auto group_json = [](const PageOwnerGroup& group) {
    return Json{{"pages", group.nr_pages},      {"allocations", group.nr_allocations},
                {"page_type", group.page_type}, {"gfp", group.gfp},
                {"comm", group.comm},           {"first_pfn", group.first_pfn},
                {"last_pfn", group.last_pfn},   {"stack", group.stack}};
  };
  const bool has_types = std::ranges::any_of(
      owners.groups, [](const PageOwnerGroup& group) { return !group.block_type.empty(); });
  for (const std::string_view type : {"CMA", "Movable", "Isolate", "HighAtomic", ""}) {
    if (type.empty() && has_types) continue;
    // Movable blocks are there for movable pages: only the others are of interest.
    std::vector<const PageOwnerGroup*> groups;
    std::uint64_t movable = 0;
    std::uint64_t others = 0;
    for (const PageOwnerGroup& group : owners.groups) {
      if (group.block_type != type) continue;
      const bool is_movable = group.page_type == "Movable";
      (is_movable ? movable : others) += group.nr_pages;
      if (!is_movable || type != "Movable") groups.push_back(&group);
    }
    if (movable + others == 0) continue;
    Json block{{"type", type.empty() ? Json(nullptr) : Json(type)},
               {"movable_pages", movable},
               {"other_pages", others},
               {"stacks", Json::array()}};
    if (type.empty()) {
      text +=
          "The text does not say in which blocks the pages are (page_owner_sort leaves it out).\n";
    } else {
      text += fmt::format("In {} blocks: {} of movable allocations, {} of others{}\n", type,
                          count_text(movable, "page"), count_text(others, "page"),
                          others == 0 ? "; nothing is out of place." : ", which do not move.");
    }
    std::size_t shown = 0;
    // What does not move comes first.
    for (const bool wants_movable : {false, true}) {
      for (const PageOwnerGroup* group : groups) {
        if ((group->page_type == "Movable") != wants_movable) continue;
        block["stacks"].push_back(group_json(*group));
        if (shown == most_shown) continue;
        ++shown;
        text += fmt::format(
            "  {:>14} in {:>6}, {}: {}{}\n", count_text(group->nr_pages, "page"),
            group->nr_allocations, group->page_type.empty() ? group->gfp : group->page_type,
            stack_text(*group), group->comm.empty() ? "" : fmt::format(" ({})", group->comm));
      }
    }
    if (groups.size() > shown)
      text += fmt::format("  ... and {} more stacks\n", groups.size() - shown);
    json["blocks"].push_back(std::move(block));
  }
  if (text.empty()) {
    text = "No page of it is in a CMA, Movable, HighAtomic or isolated block.\n";
  }
  answer.likeness = "page_owner";
  return answer;
}

}  // namespace example
