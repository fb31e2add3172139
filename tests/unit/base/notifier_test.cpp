// SPDX-License-Identifier: MIT
#include "pageblock/base/notifier.hpp"

#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/violation.hpp"

namespace pageblock::test::notifier_cases {
namespace {

using Chain = NotifierChain<std::string>;
using Block = NotifierBlock<std::string>;

// A callback that appends its name to the argument and returns what it is told to.
struct Callback {
  char name;
  int ret = notify::okay;
};
int append(void* context, std::string& arg) {
  const auto& self = *static_cast<const Callback*>(context);
  arg += self.name;
  return self.ret;
}

std::string calls_of(const Chain& chain) {
  std::string arg;
  chain.call(arg);
  return arg;
}

}  // namespace

TEST_CASE("notifier_from_errno and notifier_to_errno are inverse", "[notifier]") {
  STATIC_REQUIRE(notifier_from_errno(ok) == notify::okay);
  STATIC_REQUIRE(notifier_to_errno(notify::okay) == 0);
  STATIC_REQUIRE(notifier_to_errno(notify::done) == 0);
  STATIC_REQUIRE(notifier_to_errno(notify::stop) == 0);
  STATIC_REQUIRE((notifier_from_errno(-Err::busy) & notify::stop_mask) != 0);
  STATIC_REQUIRE(notifier_to_errno(notifier_from_errno(-Err::busy)) == -16);
  STATIC_REQUIRE(notifier_to_errno(notifier_from_errno(-Err::nomem)) == -12);
  STATIC_REQUIRE(notifier_to_errno(notify::bad) == -1);
}

TEST_CASE("call runs callbacks by priority, equal ones in the order of registration",
          "[notifier]") {
  Callback a{'a'};
  Callback b{'b'};
  Callback c{'c'};
  Callback d{'d'};
  Chain chain;
  chain.add({append, &a, 0});
  chain.add({append, &b, 10});
  chain.add({append, &c, 0});
  chain.add({append, &d, -5});
  CHECK(calls_of(chain) == "bacd");
}

TEST_CASE("call stops at the first callback that says so, and returns what it said", "[notifier]") {
  Callback a{'a'};
  Callback b{'b', notifier_from_errno(-Err::busy)};
  Callback c{'c'};
  Chain chain;
  for (Callback* callback : {&a, &b, &c}) chain.add({append, callback, 0});
  std::string arg;
  const int ret = chain.call(arg);
  CHECK(arg == "ab");
  CHECK(notifier_to_errno(ret) == -16);
}

TEST_CASE("call returns the last callback's value, done for an empty chain", "[notifier]") {
  std::string arg;
  Chain chain;
  CHECK(chain.call(arg) == notify::done);
  Callback a{'a', notify::okay};
  Callback b{'b', 7};
  chain.add({append, &a, 0});
  chain.add({append, &b, 0});
  CHECK(chain.call(arg) == 7);
}

TEST_CASE("add reports a block without a function", "[notifier]") {
  Chain chain;
  CHECK_VIOLATION(chain.add({nullptr, nullptr, 0}), "needs a function");
  CHECK(calls_of(chain).empty());
}

TEST_CASE("remove takes the first block with this function and context", "[notifier]") {
  Callback a{'a'};
  Callback b{'b'};
  Chain chain;
  chain.add({append, &a, 0});
  chain.add({append, &b, 0});
  chain.add({append, &a, 0});
  CHECK(chain.remove({append, &a, 99}));
  CHECK(calls_of(chain) == "ba");
  CHECK(chain.remove({append, &a, 0}));
  CHECK(!chain.remove({append, &a, 0}));
  CHECK(calls_of(chain) == "b");
}

TEST_CASE("NotifierChain copies have the same callbacks and go their own way", "[notifier]") {
  Callback a{'a'};
  Callback b{'b'};
  Chain chain;
  chain.add({append, &a, 0});
  Chain copy{chain};
  copy.add({append, &b, 0});
  CHECK(calls_of(chain) == "a");
  CHECK(calls_of(copy) == "ab");
  chain = copy;
  CHECK(calls_of(chain) == "ab");
  const Chain moved{std::move(copy)};
  CHECK(calls_of(moved) == "ab");
}

TEST_CASE("is_running_here is true inside a callback, and ends with it", "[notifier]") {
  NotifierChain<bool> chain;
  chain.add({[](void* context, bool& seen) {
               seen = static_cast<NotifierChain<bool>*>(context)->is_running_here();
               return notify::okay;
             },
             &chain, 0});
  bool seen = false;
  chain.call(seen);
  CHECK(seen);
  CHECK(!chain.is_running_here());
}

TEST_CASE("call lets an exception of a callback pass, and the chain is not running afterwards",
          "[notifier]") {
  NotifierChain<int> chain;
  chain.add({[](void*, int&) -> int { throw std::runtime_error{"callback"}; }, nullptr, 0});
  int arg = 0;
  CHECK_THROWS_AS(chain.call(arg), std::runtime_error);
  CHECK(!chain.is_running_here());
}

}  // namespace pageblock::test::notifier_cases
