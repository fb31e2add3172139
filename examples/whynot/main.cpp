// SPDX-License-Identifier: MIT
// Why did this allocation, contiguous allocation or offlining fail? whynot finds what it knows in any
// text that people paste, and answers by the library's rules.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>

#include "pageblock/io/snapshot/snapshot_folder.hpp"
#include "pageblock/io/text/gfp_flags.hpp"
#include "pageblock/io/text/input_folder.hpp"
#include "pageblock/io/text/kernel_version.hpp"

#include "common/program.hpp"
#include "common/read_file.hpp"
#include "whynot/findings.hpp"
#include "whynot/page_lookup.hpp"
#include "whynot/report.hpp"

namespace {

using namespace example;

// The texts of a folder, and what its snapshot says of single pages.
std::optional<PageLookup> search_folder(const std::string& path, Findings& findings) {
  const FileReader read;
  const pageblock::InputFolder folder{path, read};
  for (const auto& where : {folder, pageblock::snapshot_folder_in(folder)}) {
    for (const std::string_view name :
         {"version", "dmesg", "buddyinfo", "pagetypeinfo", "zoneinfo", "page_owner"}) {
      if (const auto file = where.find(name)) search(*file, findings);
    }
    if (where.path() == pageblock::snapshot_folder_in(folder).path()) break;
  }
  if (auto words = pageblock::snapshot_folder_in(folder).find("kpageflags"))
    return PageLookup{std::move(*words)};
  return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> paths;
  std::optional<std::uint64_t> order;
  std::string gfp;
  std::string kernel;
  std::string color = "auto";
  bool json = false;
  Program program{
      {.name = "whynot",
       .usage = {"FILE... [OPTION]...", "FOLDER [FILE]... [OPTION]...", "< FILE"},
       .about = "Finds in any text what says why memory was refused, and answers why: failed "
                "allocations and OOM reports "
                "(\"Mem-Info:\"), contiguous allocations (\"cma_alloc: alloc failed\", \"PFNs "
                "busy\"), pages in the way "
                "(\"page dumped because: unmovable page\", \"migration failure\"), memory that did "
                "not go offline, and the "
                "tables page_owner, buddyinfo, pagetypeinfo and zoneinfo, one or a series.\n\n"
                "What dmesg, journals, terminals and mail put around it does not matter. Files may "
                "be compressed; \"-\" or "
                "none is standard input, as in dmesg | whynot. With a FOLDER that has kpageflags "
                "it says which pages are "
                "in the way.",
       .more = "Exit status: 0 something was found, 1 nothing was, or a text has an error, 2 the "
               "arguments are wrong or name what cannot be read.\n"}};
  program.number("--order", "N", order, 0, 19,
                 "would 2^N pages be served? For tables, and reports without a request");
  program.option("--gfp", "FLAGS", gfp,
                 "the request's flags, such as GFP_ATOMIC (default GFP_KERNEL)");
  program.option("--kernel", "VERSION", kernel, "the kernel that wrote the text, such as 5.10");
  program.flag("--json", json, "one JSON document instead of text");
  program.choice("--color", {"auto", "always", "never"}, color,
                 "colours (default auto: on a terminal)");
  program.paths(paths);
  return program.run(argc, argv, [&] {
    Question question;
    if (order) question.order = pageblock::Order{static_cast<unsigned>(*order)};
    if (!kernel.empty()) {
      question.kernel =
          pageblock::parse_kernel_version(kernel.starts_with('v') ? kernel.substr(1) : kernel);
      if (!question.kernel)
        throw UsageError{fmt::format("--kernel: '{}' is no version such as 5.10", kernel)};
    }
    if (!gfp.empty()) {
      try {
        question.gfp = pageblock::read_gfp_flags(gfp, question.kernel);
      } catch (const pageblock::ParseError& error) {
        throw UsageError{fmt::format("--gfp: {}", error.what())};
      }
    }
    if (paths.empty()) {
      if (isatty(STDIN_FILENO) != 0) {
        throw UsageError{
            "no file is named, and nothing is piped in: try dmesg | whynot, or whynot --help"};
      }
      paths.emplace_back("-");
    }
    Findings findings;
    std::optional<PageLookup> pages;
    for (const std::string& path : paths) {
      std::error_code error;
      if (std::filesystem::is_directory(path, error)) {
        auto found = search_folder(path, findings);
        if (found && pages) {
          throw UsageError{
              fmt::format("one folder with kpageflags at a time, not '{}' as well", path)};
        }
        if (found) pages.emplace(std::move(*found));
      } else {
        search(read_file(path), findings);
      }
    }
    question.findings = &findings;
    question.pages = pages ? &*pages : nullptr;
    if (json) {
      print_text(as_json(findings, question));
    } else {
      print_text(as_text(findings, question, wants_color(color)));
    }
    for (const std::string& error : findings.errors) fmt::print(stderr, "whynot: {}\n", error);
    if (!findings.found.empty()) return findings.errors.empty() ? 0 : 1;
    if (findings.errors.empty()) {
      fmt::print(stderr,
                 "whynot: I found nothing that I know. I know\n{}For traces there is replay, for "
                 "the memory blocks of a "
                 "machine offline_check.\n",
                 what_is_known());
    }
    return 1;
  });
}
