// SPDX-License-Identifier: MIT
#include "kernel_versions/report.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <pageblock/base/sort_stably.hpp>

#include "common/json.hpp"
#include "kernel_versions/semantics_table.hpp"

namespace pageblock::experiments {
namespace {

// An outcome is shown again only where it differs from the one before.
constexpr std::string_view same = "the same";

// A text that fills a column, in yellow where it differs from its neighbour's.
std::string cell(std::string_view text, std::size_t width, bool differs) {
  std::string shown = differs ? fmt::format("\x1b[33m{}\x1b[0m", text) : std::string{text};
  shown.append(width - std::min(width, text.size()), ' ');
  return shown;
}

// Without blanks at the end, which a last column leaves.
void add_line(std::string& text, std::string_view line) {
  text += line.substr(0, line.find_last_not_of(' ') + 1);
  text += '\n';
}

std::vector<std::string> outcomes_of(const Experiment& experiment, const Columns& columns) {
  std::vector<std::string> outcomes;
  for (const std::size_t kernel : columns) {
    Story untold;
    outcomes.push_back(experiment.in[kernel](untold));
  }
  return outcomes;
}

bool differ(const std::vector<std::string>& outcomes) {
  return std::ranges::adjacent_find(outcomes, std::ranges::not_equal_to{}) != outcomes.end();
}

std::string_view value_in(const Scene* scene, std::string_view row) {
  if (scene == nullptr) return {};
  const auto found = std::ranges::find(
      scene->rows, row, [](const auto& one) -> std::string_view { return one.first; });
  return found == scene->rows.end() ? std::string_view{} : std::string_view{found->second};
}

// Where a row belongs: what a call returns, free lists, the CPU's lists, all else. Lists by type, then
// by order: "[10][M]".
std::array<std::size_t, 3> place_of(std::string_view row) {
  if (row == "returns") return {0, 0, 0};
  const std::size_t list = row.starts_with("CPU ") ? 4 : 0;
  if (row[list] != '[') return {3, 0, 0};
  const std::size_t digits = row.find(']') - list - 1;
  const std::size_t type = std::string_view{"URMVHCI"}.find(row[row.size() - 2]);
  return {list == 0 ? std::size_t{1} : std::size_t{2}, type,
          digits == 2 ? std::size_t{10} : static_cast<std::size_t>(row[list + 1] - '0')};
}

// The stories of one experiment in several kernels, which need not have the same number of scenes.
struct Stories {
  std::vector<Story> of;
  std::vector<std::string> outcomes;

  [[nodiscard]] std::size_t nr_scenes() const {
    std::size_t nr = 0;
    for (const Story& story : of) nr = std::max(nr, story.scenes.size());
    return nr;
  }
  [[nodiscard]] const Scene* scene(std::size_t story, std::size_t nr) const {
    return nr < of[story].scenes.size() ? &of[story].scenes[nr] : nullptr;
  }
  [[nodiscard]] std::string_view call(std::size_t nr) const {
    for (std::size_t i = 0; i < of.size(); ++i) {
      if (const Scene* const its = scene(i, nr)) return its->call;
    }
    return {};
  }
  // Rows that some kernel has now or had before.
  [[nodiscard]] std::vector<std::string_view> rows(std::size_t nr) const {
    std::vector<std::string_view> names;
    for (std::size_t of_nr = nr == 0 ? 0 : nr - 1; of_nr <= nr; ++of_nr) {
      for (std::size_t i = 0; i < of.size(); ++i) {
        const Scene* const its = scene(i, of_nr);
        if (its == nullptr) continue;
        for (const auto& [name, value] : its->rows) {
          if (std::ranges::find(names, name) == names.end()) names.push_back(name);
        }
      }
    }
    detail::sort_stably(names, place_of);
    return names;
  }
};

Stories tell(const Experiment& experiment, const Columns& columns) {
  Stories stories;
  for (const std::size_t kernel : columns) {
    Story story{.is_told = true};
    stories.outcomes.push_back(experiment.in[kernel](story));
    stories.of.push_back(std::move(story));
  }
  return stories;
}

// A row of a story, if a call has changed it in some kernel.
class StoryRows {
 public:
  StoryRows(const Stories& stories, std::size_t width, bool color)
      : stories_{stories}, width_{width}, color_{color} {}

  void add(std::string& text, std::size_t nr, std::string_view row) const {
    std::vector<std::string_view> now;
    bool changed = nr == 0;
    bool differs = false;
    for (std::size_t i = 0; i < stories_.of.size(); ++i) {
      const Scene* const scene = stories_.scene(i, nr);
      if (scene == nullptr) {  // a kernel without that step
        now.push_back(" ");
        continue;
      }
      now.push_back(value_in(scene, row));
      if (i != 0 && now[i] != now[0]) differs = true;
      const auto before =
          nr == 0 || row == "returns" ? "" : value_in(stories_.scene(i, nr - 1), row);
      if (now.back() != before) changed = true;
    }
    if (changed) add_columns(text, row, now, differs && color_);
  }

  template <typename Values>
  void add_columns(std::string& text, std::string_view name, const Values& values,
                   bool in_color) const {
    std::string line = fmt::format("    {:<16}", name);
    for (const std::string_view value : values) {
      line += cell(value.empty() ? "-" : value, width_, in_color);
      line += "  ";
    }
    add_line(text, line);
  }

 private:
  const Stories& stories_;
  std::size_t width_;
  bool color_;
};

example::Json names_of(const Columns& columns) {
  example::Json names = example::Json::array();
  for (const std::size_t kernel : columns) names.push_back(name_of(kernels[kernel]));
  return names;
}

example::Json as_json(const Scene& scene) {
  example::Json rows = example::Json::object();
  for (const auto& [name, value] : scene.rows) rows[name] = value;
  return {{"call", scene.call}, {"shows", rows}};
}

}  // namespace

std::string outcomes_as_text(const std::vector<Experiment>& all, const Columns& columns,
                             bool color) {
  std::string text;
  std::size_t nr_differ = 0;
  for (const Experiment& experiment : all) {
    const auto outcomes = outcomes_of(experiment, columns);
    if (differ(outcomes)) ++nr_differ;
    text += fmt::format("{:<4} {}\n", experiment.id, experiment.question);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const bool is_same = i != 0 && outcomes[i] == outcomes[i - 1];
      text += fmt::format("       {:<6} {}\n", name_of(kernels[columns[i]]),
                          cell(is_same ? same : outcomes[i], 0, i != 0 && !is_same && color));
    }
  }
  text += fmt::format("{} of {} experiments tell these kernels apart\n", nr_differ, all.size());
  return text;
}

std::string story_as_text(const Experiment& experiment, const Columns& columns, bool color) {
  const Stories stories = tell(experiment, columns);
  std::size_t width = 24;
  for (const Story& story : stories.of) {
    for (const Scene& scene : story.scenes) {
      for (const auto& [name, value] : scene.rows) width = std::max(width, value.size());
    }
  }
  std::vector<std::string> names;
  for (const std::size_t kernel : columns) names.push_back(name_of(kernels[kernel]));
  const StoryRows rows{stories, width, color};
  std::string text = fmt::format("{}  {}\n\n", experiment.id, experiment.question);
  rows.add_columns(text, "", names, false);
  for (std::size_t nr = 0; nr < stories.nr_scenes(); ++nr) {
    text += fmt::format("{}\n", stories.call(nr));
    for (const std::string_view row : stories.rows(nr)) rows.add(text, nr, row);
  }
  text += "\nOutcome\n";
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const bool differs = i != 0 && stories.outcomes[i] != stories.outcomes[i - 1];
    text += fmt::format("    {:<6} {}\n", names[i], cell(stories.outcomes[i], 0, differs && color));
  }
  return text;
}

std::string semantics_as_text(const Columns& columns, bool color) {
  std::vector<std::vector<std::string>> lines{{"member", "since"}};
  for (const std::size_t kernel : columns) lines[0].push_back(name_of(kernels[kernel]));
  for (const SemanticsRow& row : semantics_table()) {
    lines.push_back({std::string{row.member}, std::string{row.since}});
    for (const std::size_t kernel : columns) lines.back().push_back(row.value(kernels[kernel]));
  }
  std::vector<std::size_t> widths(lines[0].size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const auto& line : lines) {
    std::string shown;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const bool differs = &line != &lines[0] && i > 2 && line[i] != line[i - 1];
      shown += cell(line[i], widths[i], differs && color);
      shown += "  ";
    }
    add_line(text, shown);
  }
  return text;
}

std::string outcomes_as_json(const std::vector<Experiment>& some, const Columns& columns,
                             bool with_steps) {
  example::Json document = example::json_document("kernel_versions", 1);
  document["kernels"] = names_of(columns);
  example::Json& experiments = document["experiments"] = example::Json::array();
  for (const Experiment& experiment : some) {
    const Stories stories = tell(experiment, columns);
    example::Json one{{"id", experiment.id},
                      {"question", experiment.question},
                      {"outcomes", stories.outcomes},
                      {"differ", differ(stories.outcomes)}};
    if (with_steps) {
      one["steps"] = example::Json::array();
      for (const Story& story : stories.of) {
        example::Json scenes = example::Json::array();
        for (const Scene& scene : story.scenes) scenes.push_back(as_json(scene));
        one["steps"].push_back(std::move(scenes));
      }
    }
    experiments.push_back(std::move(one));
  }
  return example::to_text(document);
}

std::string semantics_as_json(const Columns& columns) {
  example::Json document = example::json_document("kernel_versions", 1);
  document["kernels"] = names_of(columns);
  example::Json& members = document["members"] = example::Json::array();
  for (const SemanticsRow& row : semantics_table()) {
    example::Json values = example::Json::array();
    for (const std::size_t kernel : columns) values.push_back(row.value(kernels[kernel]));
    members.push_back({{"member", row.member},
                       {"since", row.since},
                       {"meaning", row.meaning},
                       {"values", std::move(values)}});
  }
  return example::to_text(document);
}

}  // namespace pageblock::experiments
