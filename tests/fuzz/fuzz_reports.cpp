// SPDX-License-Identifier: MIT
// Any text for all that whynot looks for: logs of every kind, page_owner and the tables of /proc. The
// first byte says which order is asked about. Whatever stands there, it has an answer or an error with
// its line, in words that a terminal can show and as well-formed JSON.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/json.hpp"
#include "fuzz/target.hpp"
#include "whynot/answer.hpp"
#include "whynot/findings.hpp"
#include "whynot/report.hpp"

namespace {

using pageblock::test::require;

// "text:12: fault", or "text: fault" of a table that lacks something as a whole.
void check_complaint(const std::string& what) {
  require(what.starts_with("text:"), "no file named:", what);
  for (const char byte : what) {
    require(static_cast<unsigned char>(byte) >= 0x20, "control characters:", what);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const pageblock::InputFile file{"text",
                                  std::string{pageblock::test::as_text(data + 1, size - 1)}};
  example::Findings findings;
  example::search(file, findings);
  example::Question question;
  question.findings = &findings;
  if (data[0] < 20) question.order = pageblock::Order{data[0]};

  for (const std::string& error : findings.errors) check_complaint(error);
  require(findings.files.size() == 1, "one text is one file");
  const example::SearchedFile& searched = findings.files.front();
  require(searched.skipped.count() <= searched.nr_lines, "more lines passed over than there are");
  for (const example::Finding& finding : findings.found) {
    require(finding.line >= 1 && finding.line <= searched.nr_lines, "found at no line");
  }
  const std::string text = as_text(findings, question, false);
  require(findings.found.empty() || !text.empty(), "nothing to say");
  for (const char byte : text) {
    const auto code = static_cast<unsigned char>(byte);
    require((code >= 0x20 && code != 0x7f) || byte == '\n', "control characters:", text);
  }
  const example::Json json = example::Json::parse(as_json(findings, question));
  require(json["reports"].size() <= findings.found.size(), "more reports than findings");
  return 0;
}
