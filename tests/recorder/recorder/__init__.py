# SPDX-License-Identifier: MIT
"""Records what a Linux kernel's page allocator does: see README.md."""
