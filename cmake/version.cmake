# Sets @p result to the version that base/version.hpp of @p tree states: it stands there and nowhere else.
function(read_version result tree)
  file(STRINGS ${tree}/include/pageblock/base/version.hpp version REGEX "^#define PAGEBLOCK_VERSION_")
  string(REGEX REPLACE "[^;]* ([0-9]+)" "\\1" version "${version}")
  string(REPLACE ";" "." version "${version}")
  set(${result} ${version} PARENT_SCOPE)
endfunction()
