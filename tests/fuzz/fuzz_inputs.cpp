// SPDX-License-Identifier: MIT
// Any bytes for whatever reads what comes from outside: the readers of io/, recordings of a running
// kernel among them, and those of offline_check. The first byte says which. What a reader refuses, it refuses with a ParseError that
// names the place; what it accepts must hold up.
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pageblock/io/snapshot/kernel_release.hpp"
#include "pageblock/io/snapshot/offline_judge.hpp"
#include "pageblock/io/snapshot/snapshot_folder.hpp"
#include "pageblock/io/snapshot/snapshot_reader.hpp"
#include "pageblock/io/text/buddyinfo.hpp"
#include "pageblock/io/text/buddyinfo_reader.hpp"
#include "pageblock/io/text/input_folder.hpp"
#include "pageblock/io/text/iomem.hpp"
#include "pageblock/io/text/kpageflags.hpp"
#include "pageblock/io/text/memory_blocks.hpp"
#include "pageblock/io/text/pagetypeinfo.hpp"
#include "pageblock/io/text/pagetypeinfo_reader.hpp"
#include "pageblock/io/text/zoneinfo.hpp"
#include "pageblock/io/trace/llfree_trace.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/pageblock.hpp"

#include "common/json.hpp"
#include "common/read_file.hpp"
#include "fuzz/json.hpp"
#include "fuzz/machine.hpp"
#include "fuzz/recording.hpp"
#include "fuzz/scratch_folder.hpp"
#include "fuzz/target.hpp"
#include "offline_check/judges.hpp"
#include "offline_check/report.hpp"

namespace {

using namespace pageblock;
using test::require;

const test::ScratchFolder& scratch() {
  static const test::ScratchFolder folder;
  return folder;
}

void read_zoneinfo(const InputFile& file) {
  const std::vector<ZoneInfo> zones = parse_zoneinfo(file);
  require(!zones.empty(), "no zones");
  Pfn last{};
  for (const ZoneInfo& zone : zones) {
    require(!zone.range().empty(), "an empty zone");
    require(!zone.is_populated() || last <= zone.start_pfn, "zones out of order");
    require(zone.free <= zone.spanned && zone.present <= zone.spanned, "more pages than spanned");
    require(!zone.managed || zone.free <= zone.present, "more pages free than present");
    last = zone.start_pfn;
  }
}

void read_buddyinfo(const InputFile& file) {
  const std::vector<BuddyInfoRow> rows = parse_buddyinfo(file);
  InputFile again{file.name, {}};
  for (const BuddyInfoRow& row : rows) {
    again.content += fmt::format("Node {}, zone {:>8}", row.name.node, row.name.zone);
    for (const std::uint64_t count : row.nr_free) again.content += fmt::format(" {:>6}", count);
    again.content += '\n';
  }
  const auto is_same = [](const BuddyInfoRow& a, const BuddyInfoRow& b) {
    return a.name == b.name && a.nr_free == b.nr_free;
  };
  require(std::ranges::equal(parse_buddyinfo(again), rows, is_same), "not the same again");
}

void read_pagetypeinfo(const InputFile& file) {
  const PageTypeInfo info = parse_pagetypeinfo(file);
  for (const BlockTypeCounts& zone : info.zones) {
    require(!zone.types.empty() && zone.line != 0, "a zone without types");
  }
}

void read_memory_blocks(const InputFile& file) {
  const MemoryBlocks memory = parse_memory_blocks(file);
  require(std::has_single_bit(memory.nr_pages), "an odd size");
  Pfn behind{};
  for (const MemoryBlock& block : memory.blocks) {
    require(block.range.nr_pages() == memory.nr_pages && behind <= block.range.start,
            "blocks overlap");
    behind = block.range.end;
  }
}

void read_iomem(const InputFile& file) {
  Pfn behind{};
  bool is_first = true;
  for (const PfnRange& range : parse_iomem(file)) {
    require(!range.empty() && (is_first || behind < range.start), "ranges touch");
    behind = range.end;
    is_first = false;
  }
}

void read_words(const InputFile& file) {
  const PageWords words{file};
  PageClassifier classify;
  std::array<bool, 64> seen{};
  for (std::uint64_t pfn = 0; pfn < words.size(); ++pfn) {
    const PageKind kind = classify(words[pfn]);
    require(!to_string(kind).empty(), "a kind without a name");
    require(static_cast<std::size_t>(movability(kind)) < nr_movabilities, "no such movability");
    require(!kpageflags_names(words[pfn]).empty(), "flags without a name");
    seen[static_cast<std::size_t>(kind)] = true;
  }
  require(classify.nr_lone_tails() <= words.size(), "more tails than pages");
}

void read_version(const InputFile& file) {
  require(!parse_kernel_release(file, file.content).evidence.empty(), "a release without evidence");
}

// What was read is written, and reads as it was but for the order of events of one time.
void read_llfree(const InputFile& file) {
  const LlfreeTrace trace = read_llfree_trace(file);
  const LlfreeTrace again = read_llfree_trace({file.name, write_llfree_trace(trace)});
  require(again.events.size() == trace.events.size(), "another trace:", file.name);
}

void read_xz(const InputFile& file) {
  try {
    static_cast<void>(example::read_file(scratch().write("bytes.xz", file.content)));
  } catch (const std::bad_alloc&) {  // offline_check says so
  }
}

// What is no UTF-8 does not get into a document.
void quote(const InputFile& file) {
  require(test::is_json(example::to_text(file.content)), "no JSON string of", file.content);
}

// A zone that was rebuilt is sound, and what it prints can be read again.
template <typename Config>
void check_zone(const Zone<Config>& zone, const SnapshotZone& from) {
  const auto violations = verify(zone);
  if (!violations.empty()) {
    test::fail("the rebuilt zone:", fmt::format("{}", fmt::join(violations, "; ")));
  }
  require(zone.spanned_pages() == from.info.spanned, "another size");
  if (zone.present_pages() == 0) return;

  const auto rows = parse_buddyinfo({"buddyinfo", buddyinfo(zone)});
  require(rows.size() == 1 && rows.front().nr_free.size() == Config::max_order, "another table");
  for (unsigned order = 0; order < Config::max_order; ++order) {
    require(rows.front().nr_free[order] == zone.nr_free(Order{order}), "other chunks");
  }
  const auto types = parse_pagetypeinfo({"pagetypeinfo", pagetypeinfo(zone)});
  require(types.page_block_order == Config::pageblock_order && types.zones.size() == 1,
          "other blocks");
  std::uint64_t nr_blocks = 0;
  for (const auto& [type, count] : types.zones.front().types) nr_blocks += count;
  require(nr_blocks == zone.pageblock_flags().size(), "not all blocks have a type");
}

// From the files to the last word of offline_check.
template <const Semantics& rules>
void judge_by(const SnapshotFiles& files, std::string_view kernel, KernelVersion version) {
  using Config = example::JudgeConfig<rules, 9>;
  Snapshot snapshot = read_snapshot(files);
  for (const SnapshotZone& zone : snapshot.zones) {
    for (const PfnRange& own : zone.pages) {
      require(
          !own.empty() && zone.info.range().start <= own.start && own.end <= zone.info.range().end,
          "a zone owns pages that it does not span");
    }
  }
  const auto judge_files = rules.major == 3    ? example::judge_v3_6
                           : rules.minor == 12 ? example::judge_v6_12
                                               : example::judge_v6_1;
  const Judgement judgement = judge_files(snapshot, files, version);
  for (const SnapshotZone& zone : snapshot.zones) {
    check_zone(rebuild<Config>(snapshot, zone, files.kpagecount), zone);
  }
  require(judgement.blocks.size() == snapshot.memory.blocks.size(), "blocks without a verdict");
  example::OfflineReport report{"fuzz", kernel, files, snapshot, judgement};
  const auto release = files.version ? parse_kernel_release(*files.version, files.version->content)
                                     : guess_release(snapshot);
  if (release) report.because = release->evidence;
  require(!example::as_text(report, {.color = true}).empty(), "nothing to say");
  require(test::is_json(example::as_json(report)), "the report is no JSON");
}
void judge(const SnapshotFiles& files) {
  judge_by<kernel::v3_6>(files, "v3.6", {3, 6});
  judge_by<kernel::v6_1>(files, "v6.1", {4, 15});
  judge_by<kernel::v6_1>(files, "v6.1", {6, 1});
  judge_by<kernel::v6_12>(files, "v6.12", {6, 12});
}

void judge_in_memory(const InputFile& file) { judge(test::files_of(file.content)); }

void judge_folder(const InputFile& file) {
  const SnapshotFiles files = test::files_of(file.content);
  std::vector<std::filesystem::path> written;
  const auto write = [&](const InputFile& one) {
    written.push_back(scratch().write(one.name, one.content));
  };
  struct Remove {
    const std::vector<std::filesystem::path>& paths;
    ~Remove() {
      for (const auto& path : paths) std::filesystem::remove(path);
    }
  } const remove{written};
  const auto write_words = [&](const PageWords& words) {
    InputFile one{words.name(), {}};
    for (std::uint64_t pfn = 0; pfn < words.size(); ++pfn) {
      const std::uint64_t word = words[pfn];
      one.content.append(reinterpret_cast<const char*>(&word), sizeof word);
    }
    write(one);
  };
  write_words(files.kpageflags);
  write_words(files.kpagecount);
  write(files.zoneinfo);
  for (const auto* optional : {&files.buddyinfo, &files.pagetypeinfo, &files.memory_blocks,
                               &files.iomem, &files.version}) {
    if (*optional) write(**optional);
  }
  judge(read_snapshot_files(InputFolder{scratch().path(), example::read_file}));
}

struct Reader {
  void (*read)(const InputFile&);
  std::string_view name;
};
constexpr std::array readers{
    Reader{&read_zoneinfo, "zoneinfo"},
    Reader{&read_buddyinfo, "buddyinfo"},
    Reader{&read_pagetypeinfo, "pagetypeinfo"},
    Reader{&read_memory_blocks, "memory_blocks"},
    Reader{&read_iomem, "iomem"},
    Reader{&read_words, "kpageflags"},
    Reader{&read_xz, "bytes.xz"},
    Reader{&quote, "text"},
    Reader{&judge_in_memory, "machine"},
    Reader{&judge_folder, "folder"},
    Reader{&test::read_trace, "trace"},
    Reader{&test::read_state, "T0.state"},
    Reader{&test::read_pages, "T0.pages"},
    Reader{&test::read_meta, "meta.json"},
    Reader{&read_version, "version"},
    Reader{&test::rewrite_trace_text, "trace.txt"},
    Reader{&read_llfree, "llfree.trace"},
};

// "name:12: fault", "name: byte 12: fault" or "name: fault" of a file that lacks something as a whole.
void check_complaint(std::string_view what) {
  const std::size_t last_slash = what.substr(0, what.find(':')).rfind('/');
  std::string_view rest = what.substr(last_slash == std::string_view::npos ? 0 : last_slash + 1);
  const std::string_view name = rest.substr(0, rest.find(':'));
  const auto is_known = [&](const Reader& reader) { return reader.name == name; };
  require(std::ranges::any_of(readers, is_known) || name == "kpagecount", "no file named:", what);
  rest.remove_prefix(std::min(name.size() + 1, rest.size()));
  const auto starts_with_number = [](std::string_view text) {
    const std::size_t digits = text.find_first_not_of("0123456789");
    return digits != 0 && digits != std::string_view::npos && text.substr(digits).starts_with(": ");
  };
  constexpr std::array<std::string_view, 12> whole_file{
      " the file is empty", " no line says how large a block is", " '", " no zone has memory",
      " no memory block is listed", " no line '", " no table '", " no line for zone ",
      " there is no zoneinfo", " no zone is listed", " no section is listed",
      // Of meta.json: it names the member.
      " there is no '"};
  const bool names_member =
      rest.starts_with(" '") &&
      (rest.find("' is no ") != rest.npos || rest.find("' has another number") != rest.npos);
  const bool has_place =
      names_member || starts_with_number(rest) ||
      (rest.starts_with(" byte ") && starts_with_number(rest.substr(6))) ||
      (rest.starts_with(" compressed byte ") && starts_with_number(rest.substr(17))) ||
      std::ranges::any_of(whole_file, [&](auto fault) { return rest.starts_with(fault); });
  require(has_place, "no place named:", what);
  const auto is_control = [](char byte) { return static_cast<unsigned char>(byte) < 0x20; };
  require(std::ranges::none_of(what, is_control), "control characters:", what);
  require(what.size() < 2048, "too long:", what);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Reader& reader = readers[data[0] % readers.size()];
  const InputFile file{std::string{reader.name}, std::string{test::as_text(data + 1, size - 1)}};
  try {
    reader.read(file);
  } catch (const ParseError& error) {
    check_complaint(error.what());
  }
  return 0;
}
