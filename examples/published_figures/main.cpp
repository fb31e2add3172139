// SPDX-License-Identifier: MIT
// What others have published about Linux's page allocator, beside what the model says of the same setting.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "common/json.hpp"
#include "common/program.hpp"
#include "published_figures/figures.hpp"

namespace {

using namespace example;

bool is_explained(const Figure& figure) { return figure.agrees() || !figure.explained.empty(); }

std::string how_they_differ(const Figure& figure) {
  if (figure.agrees()) return "";
  return fmt::format("   differs: {}",
                     is_explained(figure) ? figure.explained : "nobody knows why");
}

std::string as_json(const std::vector<Figure>& figures) {
  Json document = json_document("published_figures", 1);
  document["figures"] = Json::array();
  for (const Figure& figure : figures) {
    document["figures"].push_back({{"entry", figure.entry},
                                   {"name", figure.name},
                                   {"what", figure.what},
                                   {"source", figure.source},
                                   {"kernel", figure.kernel},
                                   {"theirs", figure.theirs},
                                   {"ours", figure.ours},
                                   {"agrees", figure.agrees()},
                                   {"explained", figure.explained}});
  }
  return to_text(document);
}

std::string as_text(const std::vector<Figure>& figures) {
  std::string text;
  std::string source;
  for (const Figure& figure : figures) {
    if (figure.source != source) text += fmt::format("{}. {}\n", figure.entry, figure.source);
    source = figure.source;
    text += fmt::format("    {:<18} {} ({} rules)\n", figure.name, figure.what, figure.kernel);
    text += fmt::format("        theirs {}\n        ours   {}{}\n", figure.theirs, figure.ours,
                        how_they_differ(figure));
  }
  const auto nr = std::ranges::count_if(figures, &Figure::agrees);
  return text + fmt::format("{} of {} figures agree.\n", nr, figures.size());
}

}  // namespace

int main(int argc, char** argv) {
  bool json = false;
  std::optional<std::uint64_t> scale;
  std::vector<std::string> names;
  Program program{
      {.name = "published_figures",
       .usage = {"[OPTION]... [NAME]..."},
       .about = "Prints what others have published about Linux's page allocator, and what the "
                "library computes for the same setting. With names, only those.",
       .more = "Exit status: 0 if all agree, or it is known why not; 1 if one differs; 2 if the "
               "arguments are wrong.\n"}};
  program.flag("--json", json, "one JSON document instead of text");
  program.number("--llfree", "N", scale, 1, 512,
                 "entry 11 with an N-th of its memory (default 64); 1 takes a GiB and minutes");
  program.operands(names);
  return program.run(argc, argv, [&] {
    std::vector<Figure> figures = published_figures(scale.value_or(64));
    for (const std::string& name : names) {
      if (std::ranges::find(figures, name, &Figure::name) == figures.end()) {
        throw UsageError{fmt::format("{}: no such figure", name)};
      }
    }
    if (!names.empty()) {
      std::erase_if(figures, [&](const Figure& figure) {
        return std::ranges::find(names, figure.name) == names.end();
      });
    }
    for (Figure& figure : figures) {
      if (figure.compute) figure.ours = figure.compute();
    }
    print_text(json ? as_json(figures) : as_text(figures));
    return std::ranges::all_of(figures, is_explained) ? 0 : 1;
  });
}
