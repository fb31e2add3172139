// SPDX-License-Identifier: MIT
#include "benchmark/compile_time.hpp"

#include <fstream>
#include <string_view>

#include <sys/resource.h>

#include <fmt/format.h>

#include "benchmark/probe.hpp"
#include "benchmark/workload.hpp"
#include "this_build.hpp"

namespace pageblock::benchmark {
namespace {

void collect(const std::string& folder, const std::string& header, std::set<std::string>& seen,
             std::set<std::string>& foreign) {
  if (!seen.insert(header).second) return;
  std::ifstream file{folder + "/" + header};
  require(file.is_open(), "a header of the library cannot be read");
  constexpr std::string_view include = "#include ";
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(include)) continue;
    const std::string name = line.substr(include.size());
    if (name[0] == '<') {
      // With spaces it is what version.hpp tells a compiler that is not enough.
      if (name.find(' ') == std::string::npos) foreign.insert(name);
    } else {
      collect(folder, name.substr(1, name.size() - 2), seen, foreign);
    }
  }
}

// The processor time of a compiler that reads these includes, in seconds.
double compile(const std::set<std::string>& includes) {
  std::string text;
  for (const std::string& include : includes) text += fmt::format(" '#include {}'", include);
  const auto seconds = [] {
    rusage usage{};
    getrusage(RUSAGE_CHILDREN, &usage);
    const auto of = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    return of(usage.ru_utime) + of(usage.ru_stime);
  };
  const double before = seconds();
  static_cast<void>(output_of(fmt::format("printf '%s\\n'{} | {} -c -x c++ - -o /dev/null 2>&1",
                                          text, this_build_compile)));
  return seconds() - before;
}

Measurement compile_times(const Sizes&) {
  Measurement result;
  for (const std::string header :
       {"pageblock/pageblock.hpp", "pageblock/isolation/page_isolation.hpp"}) {
    const double with = compile({fmt::format("<{}>", header)});
    result.values.push_back(with);
    result.values.push_back(with - compile(foreign_headers(this_build_headers, header)));
  }
  return result;
}

}  // namespace

std::set<std::string> foreign_headers(const std::string& folder, const std::string& header) {
  std::set<std::string> seen;
  std::set<std::string> foreign;
  collect(folder, header, seen, foreign);
  return foreign;
}

std::vector<Workload> compile_workloads() {
  const std::string more = "more than what it includes of the standard library, fmt and GSL";
  return {{.name = "C1",
           .what = "a translation unit is compiled, processor time",
           .figures = {{"pageblock.hpp", "s"},
                       {more, "s", 0.4},
                       {"isolation/page_isolation.hpp", "s"},
                       {more, "s", 0.4}},
           .run = {&compile_times, nullptr, nullptr, nullptr},
           .needs_program = true}};
}

}  // namespace pageblock::benchmark
