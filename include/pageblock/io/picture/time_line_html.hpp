// SPDX-License-Identifier: MIT
/// Draws a time line as a page for a browser: one file that needs nothing else.
///
/// Layer:  io.
/// Kernel: none.
///
/// The page holds the model, as JSON, and a line for each step; numbers there are in base 36:
///
///     what,detail,cpu,page,pages,time,refused;@part,free,listed,isolated;block:look:type:pages
///
/// What and detail are indices of the model's strings; behind @ is by how much a part's numbers
/// change; blocks are counted over all parts. Pages are those of the block that changed, "0L,4F2g": 0
/// is on a per-CPU list, 2g from 4 on are a free chunk. F begins a chunk and E goes on with one from the block before; other
/// letters are those of style_of(PageLook). What is as before, and what is empty at an end, is left out.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/io/picture/block_look.hpp"
#include "pageblock/io/picture/page_scan.hpp"
#include "pageblock/io/picture/picture_file.hpp"
#include "pageblock/io/picture/time_line.hpp"
#include "pageblock/io/picture/time_line_drawing.hpp"
#include "pageblock/io/picture/time_line_page.hpp"
#include "pageblock/io/picture/time_line_script.hpp"
#include "pageblock/io/picture/time_line_view.hpp"

namespace pageblock {

namespace detail {

/// Writes the page.
class TimeLineHtml {
 public:
  explicit TimeLineHtml(const TimeLine& line) : line_{line} {
    std::size_t base = 0;
    for (const TimeLine::Part& part : line.parts()) {
      bases_.push_back(base);
      base += part.first.size();
      numbers_.push_back(part.numbers);
    }
  }

  [[nodiscard]] std::string write() {
    std::string steps;
    for (const TimeLine::Step& step : line_.steps()) add_step(steps, step);
    std::string page{time_line_head};
    const std::string title = markup_text(line_.title());
    page += fmt::format("<title>{}</title>\n</head>\n<body>\n<h1>{}</h1>", title, title);
    page += time_line_body;
    page += fmt::format("<script type=\"application/json\" id=\"model\">{}</script>\n", model());
    page += fmt::format("<script type=\"text/plain\" id=\"steps\">\n{}</script>\n<script>", steps);
    page += time_line_script;
    page += time_line_drawing;
    page += time_line_view;
    return page + "</script>\n</body>\n</html>\n";
  }

 private:
  static void add_number(std::string& text, std::int64_t number) {
    std::array<char, 16> digits{};
    text.append(digits.data(),
                std::to_chars(digits.data(), digits.data() + digits.size(), number, 36).ptr);
  }
  static void add_number(std::string& text, std::uint64_t number) {
    add_number(text, static_cast<std::int64_t>(number));
  }

  // Appends "value*times;" for equal values one behind the other.
  static void add_packed(std::string& text, char value, std::uint64_t times) {
    text += value;
    if (times == 1) return;
    text += '*';
    add_number(text, times);
    text += ';';
  }

  [[nodiscard]] std::string model() const {
    std::string text = fmt::format("{{\"unit\":{},\n\"looks\":[", json_string(line_.unit()));
    for (std::size_t i = 0; i < nr_block_looks; ++i) {
      const BlockStyle style = style_of(static_cast<BlockLook>(i));
      text += fmt::format(
          "{}{{\"meaning\":\"{}\",\"rgb\":\"#{:06x}\",\"pattern\":{},\"ink\":\"#{:06x}\"}}",
          i == 0 ? "" : ",", style.meaning, style.rgb, static_cast<unsigned>(style.pattern),
          style.ink);
    }
    text += "],\n\"pages\":[";
    for (std::size_t i = 0; i < nr_page_looks; ++i) {
      const PageStyle style = style_of(static_cast<PageLook>(i));
      text +=
          fmt::format("{}{{\"letter\":\"{}\",\"meaning\":\"{}\",\"block\":{}}}", i == 0 ? "" : ",",
                      style.letter, style.meaning, static_cast<unsigned>(style.block));
    }
    text += "],\n\"types\":[";
    for (std::size_t i = 0; i < nr_migratetypes; ++i) {
      text += fmt::format("{}\"{}\"", i == 0 ? "" : ",", static_cast<MigrateType>(i));
    }
    text += "],\n\"strings\":[";
    for (std::size_t i = 0; i < strings_.size(); ++i) {
      if (i != 0) text += ',';
      text += json_string(*strings_[i]);
    }
    text += "],\n\"parts\":[";
    for (const TimeLine::Part& part : line_.parts()) {
      if (&part != &line_.parts().front()) text += ',';
      add_part(text, part);
    }
    return text + "]}";
  }

  static void add_part(std::string& text, const TimeLine::Part& part) {
    text += fmt::format(
        "\n{{\"name\":{},\"start\":{},\"size\":{},\"blocks\":{},\"typed\":{},"
        "\"numbers\":[{},{},{}],\"looks\":\"",
        json_string(part.name), part.start, part.block_pages, part.first.size(), part.has_types,
        part.numbers.free, part.numbers.listed, part.numbers.isolated);
    add_digits(text, part, [](const SeenBlock& seen) { return static_cast<unsigned>(seen.look); });
    text += "\",\"types\":\"";
    add_digits(text, part, [](const SeenBlock& seen) { return static_cast<unsigned>(seen.type); });
    text += "\",\"pages\":\"";
    add_pages(text, part);
    text += "\"}";
  }

  template <typename Digit>
  static void add_digits(std::string& text, const TimeLine::Part& part, Digit digit_of) {
    for (std::size_t i = 0; i < part.first.size();) {
      std::size_t end = i;
      while (end < part.first.size() && digit_of(part.first[end]) == digit_of(part.first[i])) ++end;
      add_packed(text, static_cast<char>('0' + digit_of(part.first[i])), end - i);
      i = end;
    }
  }

  // "Fe8*5k": so many runs of so many pages.
  static void add_pages(std::string& text, const TimeLine::Part& part) {
    LookRun open;
    std::uint64_t times = 0;
    const auto close = [&] {
      if (times == 0) return;
      text += style_of(open.look).letter;
      add_number(text, open.nr_pages);
      if (times != 1) text += '*';
      if (times != 1) add_number(text, times);
    };
    LookRun whole;  // a chunk may go on in the next block
    const auto add = [&] {
      if (whole.nr_pages == 0) return;
      if (times != 0 && open.look == whole.look && open.nr_pages == whole.nr_pages) {
        ++times;
      } else {
        close();
        open = whole;
        times = 1;
      }
    };
    for (const SeenBlock& seen : part.first) {
      if (seen.runs.empty()) {  // the zone has grown over it later
        add();
        whole = {{}, part.block_pages, PageLook::hole};
      }
      for (const LookRun& run : seen.runs) {
        if (run.look == whole.look && !run.is_head && whole.nr_pages != 0) {
          whole.nr_pages += run.nr_pages;
        } else {
          add();
          whole = run;
        }
      }
    }
    add();
    close();
  }

  [[nodiscard]] std::size_t index_of(const std::string& text) {
    const auto [known, is_new] = indices_.try_emplace(text, strings_.size());
    if (is_new) strings_.push_back(&known->first);
    return known->second;
  }

  void add_step(std::string& text, const TimeLine::Step& step) {
    const TimeStep& told = step.told;
    const std::size_t start = text.size();
    add_number(text, std::uint64_t{index_of(told.what)});
    text += ',';
    if (!told.detail.empty()) add_number(text, std::uint64_t{index_of(told.detail)});
    text += ',';
    if (told.cpu) text += fmt::format("{}", told.cpu->id());
    text += ',';
    if (!told.pages.empty()) add_number(text, told.pages.start.value());
    text += ',';
    if (told.pages.nr_pages() > 1) add_number(text, told.pages.nr_pages());
    text += ',';
    if (told.time) add_number(text, *told.time);
    if (told.is_refusal) text += ",1";
    text.erase(text.find_last_not_of(',') + 1);
    if (text.size() == start) text += ',';
    for (const TimeLine::NumberChange& change : step.numbers) add_numbers(text, change);
    for (const TimeLine::Change& change : step.changes) add_change(text, change);
    text += '\n';
  }

  void add_numbers(std::string& text, const TimeLine::NumberChange& change) {
    ZoneNumbers& before = numbers_[change.part];
    text += ";@";
    add_number(text, std::uint64_t{change.part});
    for (const std::int64_t by : {change.now.free - before.free, change.now.listed - before.listed,
                                  change.now.isolated - before.isolated}) {
      text += ',';
      if (by != 0) add_number(text, by);
    }
    text.erase(text.find_last_not_of(',') + 1);
    before = change.now;
  }

  void add_change(std::string& text, const TimeLine::Change& change) {
    const TimeLine::Part& part = line_.parts()[change.part];
    text += ';';
    add_number(text, std::uint64_t{bases_[change.part] + change.block});
    text += fmt::format(":{}:{}:", static_cast<unsigned>(change.now.look),
                        static_cast<unsigned>(change.now.type));
    const Pfn start = part.start + change.block * part.block_pages;
    for (const LookRun& run : change.pages) {
      if (&run != &change.pages.front()) text += ',';
      add_number(text, run.start - start);
      text += run.look == PageLook::free && !run.is_head ? 'E' : style_of(run.look).letter;
      if (run.nr_pages != 1) add_number(text, run.nr_pages);
    }
  }

  const TimeLine& line_;
  std::vector<std::size_t> bases_;  // of each part's blocks among all
  std::vector<ZoneNumbers> numbers_;
  std::map<std::string, std::size_t> indices_;
  std::vector<const std::string*> strings_;
};

}  // namespace detail

/// Returns the page. Its size is some 30 bytes a step, and what the zones need before the first.
[[nodiscard]] inline std::string to_html(const TimeLine& line) {
  return detail::TimeLineHtml{line}.write();
}

/// Writes the page to a file. Throws std::system_error.
inline void write_html(const std::string& file, const TimeLine& line) {
  detail::write_file(file, to_html(line));
}

}  // namespace pageblock
