# Fails for what Doxygen found: a class, concept, function, constant or type without a word about it, wrong commands,
# links that lead nowhere.
#
#   cmake -DWARNINGS=<file> -P check_docs.cmake
#
# A field or a member of a class may be without one: the class has the words, and what it says goes for its members.
cmake_minimum_required(VERSION 3.25)

file(STRINGS ${WARNINGS} warnings)
# Doxygen takes specialisations of other libraries' templates for classes of theirs.
list(FILTER warnings EXCLUDE REGEX "Internal inconsistency: scope for class (fmt|std)::")
list(FILTER warnings EXCLUDE REGEX "Member .* of (class|struct|namespace pageblock::) *.* is not documented")
# Doxygen knows no headings as targets before 1.9.8; tests/pages checks them.
list(FILTER warnings EXCLUDE REGEX "unable to resolve reference to '[a-z0-9_-]+' for")
list(LENGTH warnings count)
if(count GREATER 0)
  list(JOIN warnings "\n" text)
  message(NOTICE "${text}")
  message(FATAL_ERROR "check_docs: ${count} faults")
endif()
message(STATUS "check_docs: every name has a word, every link a target")
