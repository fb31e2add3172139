// SPDX-License-Identifier: MIT
#include "sweep/results.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <map>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fmt/format.h>

#include "common/read_file.hpp"

namespace example {

namespace {

[[noreturn]] void fail(const std::filesystem::path& path, std::string_view what) {
  throw std::runtime_error{fmt::format("{}: {}", path.string(), what)};
}

struct Lines {
  std::string header;
  std::vector<std::pair<std::uint64_t, std::string>> runs;
  std::size_t bytes = 0;  // of whole lines
};

Lines lines_of(const std::filesystem::path& path, std::string_view text) {
  Lines lines;
  std::size_t number = 0;
  while (true) {
    const std::size_t end = text.find('\n', lines.bytes);
    if (end == std::string_view::npos) return lines;
    ++number;
    const std::string line{text.substr(lines.bytes, end - lines.bytes)};
    lines.bytes = end + 1;
    if (number == 1) {
      lines.header = line;
      continue;
    }
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("run") || !json["run"].is_number_unsigned()) {
      fail(path, fmt::format("line {} is no result of a sweep", number));
    }
    lines.runs.emplace_back(json["run"].get<std::uint64_t>(), line);
  }
}

std::string content_of(const std::filesystem::path& path) { return read_file(path).content; }

std::uint64_t nr_runs_of(const std::filesystem::path& path, const std::string& header) {
  const Json json = Json::parse(header, nullptr, false);
  if (!json.is_object() || json.value("schema", "") != "pageblock/sweep" ||
      !json.contains("runs") || !json["runs"].is_number_unsigned()) {
    fail(path, "the first line says of no sweep");
  }
  return json["runs"].get<std::uint64_t>();
}

}  // namespace

std::string header_line(const Json& sweep) { return sweep.dump(); }

ResultFile::ResultFile(const std::filesystem::path& path, const std::string& header)
    : path_{path}, file_{open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666)} {
  if (file_ < 0) fail(path, std::strerror(errno));
  try {
    if (flock(file_, LOCK_EX | LOCK_NB) != 0) fail(path, "another process writes it");
    const Lines lines = lines_of(path, content_of(path));
    if (ftruncate(file_, static_cast<off_t>(lines.bytes)) != 0) fail(path, std::strerror(errno));
    if (lines.bytes == 0) {
      write(header);
    } else if (lines.header != header) {
      fail(path, "it has results of another sweep");
    }
    for (const auto& [run, line] : lines.runs) done_.insert(run);
  } catch (...) {
    close(file_);
    throw;
  }
}

ResultFile::~ResultFile() { close(file_); }

void ResultFile::add(std::uint64_t run, const std::string& line) {
  write(line);
  done_.insert(run);
}

void ResultFile::write(const std::string& line) const {
  const std::string text = line + '\n';
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t nr = ::write(file_, text.data() + done, text.size() - done);
    if (nr < 0 && errno == EINTR) continue;
    if (nr < 0) fail(path_, std::strerror(errno));
    done += static_cast<std::size_t>(nr);
  }
}

std::string merge(const std::vector<std::string>& names) {
  std::vector<std::filesystem::path> paths;
  for (const std::string& name : names) {
    if (!std::filesystem::is_directory(name)) {
      paths.emplace_back(name);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator{name}) {
      if (entry.path().extension() == ".jsonl") paths.push_back(entry.path());
    }
  }
  std::ranges::sort(paths);
  std::string header;
  std::map<std::uint64_t, std::string> runs;
  for (const auto& path : paths) {
    Lines lines = lines_of(path, content_of(path));
    if (lines.header.empty()) continue;  // nothing is done yet
    if (header.empty()) header = lines.header;
    if (lines.header != header)
      fail(path, "it has results of another sweep than the files before it");
    for (auto& [run, line] : lines.runs) {
      const auto [place, is_new] = runs.emplace(run, line);
      if (!is_new && place->second != line) {
        fail(path, fmt::format("run {} has another result than in a file before it", run));
      }
    }
  }
  if (header.empty()) throw std::runtime_error{"there are no results to merge"};
  const std::uint64_t nr_runs = nr_runs_of(paths.front(), header);
  std::string text = header + '\n';
  std::uint64_t next = 0;
  for (const auto& [run, line] : runs) {
    if (run != next) break;
    text += line + '\n';
    ++next;
  }
  if (next != nr_runs || runs.size() != nr_runs) {
    throw std::runtime_error{fmt::format("{} of {} runs are done; the first that is missing is {}",
                                         runs.size(), nr_runs, next)};
  }
  return text;
}

Table table_of(std::string_view merged, const std::string& y, const std::string& x,
               const std::string& by) {
  struct Cell {
    std::uint64_t sum = 0;
    std::uint64_t nr = 0;
  };
  Table table{.y = y, .x = x};
  std::map<std::pair<std::size_t, std::size_t>, Cell> cells;
  const auto place_in = [](std::vector<std::string>& values, const Json& value) {
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    const auto found = std::ranges::find(values, text);
    const auto place = static_cast<std::size_t>(found - values.begin());
    if (found == values.end()) values.push_back(text);
    return place;
  };
  for (const auto& [run, line] : lines_of("merged results", merged).runs) {
    const Json json = Json::parse(line);
    for (const std::string& name : {x, y, by}) {
      if (!name.empty() && !json.contains(name))
        throw std::runtime_error{"results have no member " + name};
    }
    if (!json[y].is_number_unsigned()) throw std::runtime_error{y + " is no number"};
    const std::size_t row = place_in(table.rows, json[x]);
    const std::size_t column = place_in(table.columns, by.empty() ? Json(y) : json[by]);
    Cell& cell = cells[{row, column}];
    cell.sum += json[y].get<std::uint64_t>();
    ++cell.nr;
  }
  for (const auto& [place, cell] : cells) table.means[place] = cell.sum / cell.nr;
  return table;
}

std::string to_text(const Table& table) {
  std::string text = fmt::format("{:>12}", table.x);
  for (const std::string& column : table.columns) text += fmt::format("  {:<28}", column);
  text = text.substr(0, text.find_last_not_of(' ') + 1) + '\n';
  const std::uint64_t most = std::max<std::uint64_t>(table.most(), 1);
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    std::string line = fmt::format("{:>12}", table.rows[row]);
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
      const auto mean = table.means.find({row, column});
      if (mean == table.means.end()) {
        line += fmt::format("  {:>7} {:<20}", "-", "");
      } else {
        const std::string bar(mean->second * 20 / most, '#');
        line += fmt::format("  {:>7} {:<20}", mean->second, bar);
      }
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return text;
}

Curves curves_of(const Table& table) {
  // Up to a number that five lines divide.
  const std::uint64_t top = std::max<std::uint64_t>((table.most() + 4) / 5 * 5, 5);
  Curves curves{.title = table.y, .axis = table.x, .places = table.rows, .top = top};
  for (const std::string& column : table.columns) curves.curves.push_back({.name = column});
  for (const auto& [place, mean] : table.means) {
    curves.curves[place.second].values[place.first] = mean;
  }
  return curves;
}

}  // namespace example
