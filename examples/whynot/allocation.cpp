// SPDX-License-Identifier: MIT
// Failed allocations and the OOM killer.
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/log/allocation_verdict.hpp"

#include "whynot/answer.hpp"
#include "whynot/zone_answers.hpp"

namespace example {

using namespace pageblock;

namespace {

struct Asked {
  Order order{};
  GfpFlags flags{};
  std::string gfp;
  bool is_order_known = false;
  bool is_gfp_known = false;
};

Asked asked_of(const AllocationReport& report, const Question& question,
               std::optional<KernelVersion> version) {
  Asked asked;
  asked.order = question.order.value_or(Order{0});
  asked.flags = question.gfp.value_or(read_gfp_flags("GFP_KERNEL"));
  if (!report.request) {
    asked.gfp = asked.flags.names();
    return asked;
  }
  const FailedRequest& request = *report.request;
  asked.is_order_known = request.order.has_value();
  if (request.order) asked.order = Order{*request.order};
  if (!request.gfp_names.empty()) {
    try {
      asked.flags = read_gfp_flags(request.gfp_names);
      asked.gfp = request.gfp_names;
      asked.is_gfp_known = true;
      return asked;
    } catch (const ParseError&) {  // a name that is cut or new: the number says the same
    }
  }
  try {
    asked.flags = read_gfp_flags(request.gfp_number, version);
    asked.is_gfp_known = true;
  } catch (const ParseError&) {
  }
  asked.gfp = asked.flags.names();
  return asked;
}

// What of the text is of a kernel from v4.4 on, or before; nothing if nothing is.
std::optional<KernelVersion> version_by_looks(const AllocationReport& report) {
  if (report.request && !report.request->gfp_names.empty()) return KernelVersion{4, 6};
  if (report.info.zones.empty()) return std::nullopt;
  for (const MemInfoZone& zone : report.info.zones) {
    for (const MemInfoZone::Chunks& chunks : zone.chunks) {
      if (chunks.types == TypeSet::all()) continue;
      if (chunks.types.has(MigrateType::reserve)) return KernelVersion{4, 3};
      if (chunks.types.has(MigrateType::highatomic)) return KernelVersion{4, 4};
    }
  }
  // Since v4.6 the flags have names; the numbers tell v4.4 and v4.5 from those before.
  if (report.request) {
    const std::string& number = report.request->gfp_number;
    std::string_view digits{number};
    if (digits.starts_with("0x")) digits.remove_prefix(2);
    if (const auto mask = detail::take_number(digits, 16)) {
      return detail::likely_gfp_numbers(*mask).since < KernelVersion{4, 4} ? KernelVersion{3, 6}
                                                                           : KernelVersion{6, 1};
    }
  }
  return std::nullopt;
}

std::string_view cause_text(const AllocationReport& report, const AllocationVerdict& verdict) {
  if (report.constraint == OomConstraint::memcg) {
    return "a limit: the memory cgroup may not have more, however much the machine has free";
  }
  switch (verdict.cause) {
    case FailureCause::none:
      return "by these numbers it would be served: memory came free between the attempt and the "
             "report";
    case FailureCause::fragmentation:
      return "fragmentation: enough is free, but not in one piece that this request may take";
    case FailureCause::reserves:
      return "reserves: enough is free, but kept for others; it is not fragmentation";
    default:
      return "plain lack of memory: too little is free in every zone that may serve";
  }
}

std::vector<std::string> help_for(const AllocationReport& report, const AllocationVerdict& verdict,
                                  const Asked& asked) {
  std::vector<std::string> help;
  if (report.constraint == OomConstraint::memcg) {
    help.emplace_back("raise the cgroup's limit (memory.max), or make what runs in it use less");
    return help;
  }
  const bool is_atomic = !asked.flags.gfp().direct_reclaim;
  switch (verdict.cause) {
    case FailureCause::none:
      help.emplace_back("retry; if it comes back under load, raise vm.min_free_kbytes");
      break;
    case FailureCause::fragmentation:
      help.emplace_back(
          "compaction, as the free pages suffice: echo 1 > /proc/sys/vm/compact_memory");
      if (verdict.largest_served && asked.order.value() != 0) {
        const unsigned most = verdict.largest_served->first.value();
        help.push_back(fmt::format("{}, or memory that need not be in one piece (kvmalloc)",
                                   most == 0 ? std::string{"single pages instead"}
                                             : fmt::format("a smaller order: {} or below", most)));
      }
      if (is_atomic)
        help.emplace_back("this request could not wait for compaction: raise vm.min_free_kbytes");
      break;
    case FailureCause::reserves:
      help.emplace_back("raise vm.min_free_kbytes, so that reclaim begins earlier");
      if (std::ranges::any_of(verdict.zones,
                              [](const ZoneVerdict& zone) { return zone.is_kept_by_reserve(); })) {
        help.emplace_back(
            "keep less from requests for higher zones: raise vm.lowmem_reserve_ratio");
      }
      break;
    default:
      help.emplace_back(report.request && report.request->kind == FailedRequest::Kind::oom
                            ? "give the machine more memory or swap, or let what runs use less"
                            : "free memory: reclaim did not keep up, or there is too little");
      if (is_atomic) help.emplace_back("this request could not wait: raise vm.min_free_kbytes");
  }
  return help;
}

std::string title_of(const AllocationReport& report, const Asked& asked) {
  const std::string what =
      asked.is_order_known ? fmt::format("order {} ({})", asked.order.value(),
                                         size_text(asked.order.nr_pages(), report.info.page_kbytes))
                           : std::string{"memory"};
  if (!report.request) return "the state of all zones; the request is not in the text";
  const std::string& comm = report.request->comm;
  const std::string who = comm.empty() ? "a request" : comm;
  switch (report.request->kind) {
    case FailedRequest::Kind::oom:
      return asked.is_order_known ? fmt::format("{} called the OOM killer for {}", who, what)
                                  : fmt::format("{} called the OOM killer (SysRq)", who);
    case FailedRequest::Kind::stalled:
      return fmt::format("{} waits for {}", who, what);
    default:
      return fmt::format("{} asked for {} and got nothing", who, what);
  }
}

}  // namespace

Answer answer_to(const AllocationReport& report, const Question& question) {
  auto version = question.kernel;
  if (!version && !report.release.empty()) version = parse_kernel_version(report.release);
  const bool is_version_known = version.has_value();
  if (!version) version = version_by_looks(report);
  const Semantics& rules = rules_for(version);
  const Asked asked = asked_of(report, question, version);
  std::optional<NodeList> allowed;
  if (report.request) {
    allowed = report.request->mems_allowed;
    if (report.request->nodemask) allowed = report.request->nodemask;
  }
  const AllocationVerdict verdict =
      judge_allocation(report.info, asked.order, asked.flags, rules, allowed);

  const bool is_oom = report.request && report.request->kind == FailedRequest::Kind::oom;
  const std::size_t highest = report.info.kernel.classzone_idx(asked.flags);
  const std::string highest_name = highest < report.info.kernel.names.size()
                                       ? report.info.kernel.names[highest]
                                       : std::string{"Normal"};
  const bool is_memcg = report.constraint == OomConstraint::memcg;
  const std::string_view cause = is_memcg                    ? "cgroup_limit"
                                 : report.info.zones.empty() ? "unknown"
                                                             : to_string(verdict.cause);
  Answer answer;
  Json& json = answer.json;
  json["kind"] = is_oom ? "oom" : "allocation_failure";
  json["order"] =
      asked.is_order_known || question.order ? Json(asked.order.value()) : Json(nullptr);
  json["comm"] = report.request ? Json(report.request->comm) : Json(nullptr);
  json["gfp"] = asked.gfp;
  json["gfp_mask"] = report.request ? Json(report.request->gfp_number) : Json(nullptr);
  json["migratetype"] = to_string(asked.flags.gfp().migratetype);
  json["highest_zone"] = highest_name;
  json["kernel"] = report.release.empty() ? Json(nullptr) : Json(report.release);
  json["rules"] = fmt::format("v{}.{}", rules.major, rules.minor);
  json["page_size"] = report.info.page_kbytes * 1024;
  json["cause"] = cause;
  json["largest_order_served"] =
      verdict.largest_served ? Json(verdict.largest_served->first.value()) : Json(nullptr);
  json["zones"] = Json::array();
  for (const ZoneVerdict& zone : verdict.zones) json["zones"].push_back(zone_json(zone));
  json["zones_not_asked"] = Json::array();
  for (const NodeZone& zone : verdict.not_asked) {
    json["zones_not_asked"].push_back(
        {{"node", zone.node}, {"zone", zone.name}, {"free", zone.counts.free}});
  }
  json["forbidden_nodes"] = verdict.forbidden_nodes;
  if (report.killed) {
    json["killed"] = {{"pid", report.killed->pid}, {"comm", report.killed->comm}};
  }
  const auto help = help_for(report, verdict, asked);
  const bool is_answered = report.request && (!report.info.zones.empty() || is_memcg);
  json["help"] = is_answered ? Json(help) : Json::array();

  answer.title = title_of(report, asked);
  std::string& text = answer.text;
  const std::string mask = report.request && report.request->gfp_names.empty()
                               ? fmt::format("{} = {}", report.request->gfp_number, asked.gfp)
                               : asked.gfp;
  text += fmt::format(
      "{}: {}, from zone {} downwards; by {}'s rules{}\n", mask,
      to_string(asked.flags.gfp().migratetype), highest_name, json["rules"].get<std::string>(),
      report.release.empty() ? std::string{is_version_known ? "" : " (the text names no kernel)"}
                             : fmt::format(" (Linux {})", report.release));
  if (report.info.zones.empty() && !is_memcg) {
    text +=
        "The text has no \"Mem-Info:\" for it: the kernel leaves it out of reports that follow "
        "each other fast.\n";
  }
  text += zone_table(verdict, asked.order, report.info);
  if (!report.info.is_page_size_known && !report.info.zones.empty()) {
    text +=
        fmt::format("The lists of free chunks are missing, so pages are taken to have {} KiB.\n",
                    report.info.page_kbytes);
  }
  for (const NodeZone& zone : verdict.not_asked) {
    text += fmt::format("  {}: not asked, since this request may not use it; {} free\n",
                        zone.node == 0 ? zone.name : fmt::format("{}/{}", zone.node, zone.name),
                        zone.counts.free);
  }
  for (const unsigned node : verdict.forbidden_nodes) {
    text += fmt::format("Node {} may not be used by this request.\n", node);
  }
  if (is_answered) {
    text += fmt::format("Why: {}.\n", cause_text(report, verdict));
  }
  if (report.cgroup) {
    text +=
        fmt::format("The cgroup uses {} of {} kB.\n", report.cgroup->usage, report.cgroup->limit);
  }
  if (!report.info.zones.empty()) text += served_text(verdict);
  if (!json["help"].empty()) text += "What would help:\n";
  for (const Json& hint : json["help"]) text += fmt::format("  {}\n", hint.get<std::string>());
  if (report.killed) {
    text += fmt::format("Killed: {} (pid {}).\n", report.killed->comm, report.killed->pid);
  }
  answer.likeness = fmt::format("{}|{}|{}|{}", json["kind"].get<std::string>(),
                                json["order"].dump(), asked.gfp, cause);
  for (const ZoneVerdict& zone : verdict.zones) {
    answer.likeness += fmt::format("|{}{}{}", zone.zone.node, zone.zone.name, answer_word(zone));
  }
  return answer;
}

}  // namespace example
