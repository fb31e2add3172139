// SPDX-License-Identifier: MIT
#include "pageblock/io/text/kernel_version.hpp"

#include "support/catch.hpp"

namespace pageblock::test::kernel_version_cases {

TEST_CASE("parse_kernel_version takes the first two numbers", "[kernel_version]") {
  CHECK(parse_kernel_version("6.1.0-56-cloud-amd64") == KernelVersion{6, 1});
  CHECK(parse_kernel_version("2.6.32-754.el6.x86_64") == KernelVersion{2, 6});
  CHECK(parse_kernel_version("7.0-rc1") == KernelVersion{7, 0});
  CHECK(parse_kernel_version("six") == std::nullopt);
  CHECK(parse_kernel_version("6") == std::nullopt);
  CHECK(parse_kernel_version("6.x") == std::nullopt);
}

TEST_CASE("find_kernel_release finds it where kernels and uname write it", "[kernel_version]") {
  CHECK(find_kernel_release("CPU: 0 PID: 18 Comm: kworker/0:1 Not tainted 5.13.0-rc5 #1") ==
        "5.13.0-rc5");
  CHECK(find_kernel_release("Pid: 0, comm: swapper Not tainted 2.6.32-5-amd64 #1") ==
        "2.6.32-5-amd64");
  CHECK(find_kernel_release("CPU: 1 PID: 7 Comm: a Tainted: G        W  O    4.19.0-8-amd64 #1") ==
        "4.19.0-8-amd64");
  CHECK(find_kernel_release(
            "CPU: 3 UID: 0 PID: 1 Comm: a Kdump: loaded Tainted: G S E 6.12.5 #2") == "6.12.5");
  CHECK(find_kernel_release("Linux version 6.1.0-56-cloud-amd64 (gcc 12.2.0)") ==
        "6.1.0-56-cloud-amd64");
  CHECK(find_kernel_release("Linux web1 5.10.0-8-amd64 #1 SMP Debian 5.10.46-4 x86_64 GNU/Linux") ==
        "5.10.0-8-amd64");
  CHECK(find_kernel_release("Hardware name: QEMU 1.2.3").empty());
  CHECK(find_kernel_release("took 5.13 s, not tainted").empty());
  CHECK(find_kernel_release("").empty());
}

}  // namespace pageblock::test::kernel_version_cases
