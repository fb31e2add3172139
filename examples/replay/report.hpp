/// What replay says, as text for people and as JSON for programs.
#pragma once

#include <string>

#include "replay/run.hpp"

namespace example {

[[nodiscard]] std::string as_text(const ReplayReport& report);
[[nodiscard]] std::string as_json(const ReplayReport& report);

}  // namespace example
