# SPDX-License-Identifier: MIT
"""Names and addresses of a running kernel, as /proc/kallsyms has them."""

import bisect


class Symbols:
    """Addresses by name, and names by address of code."""

    def __init__(self, text):
        self._addresses = {}
        code = []
        for line in text.splitlines():
            fields = line.split()
            if len(fields) != 3:  # of modules, which may be elsewhere the next time
                continue
            address, kind, name = int(fields[0], 16), fields[1], fields[2]
            self._addresses.setdefault(name, address)
            if kind in "tTwW":
                code.append((address, name))
        code.sort()
        self._code = code
        self._starts = [address for address, _ in code]

    def __contains__(self, name):
        return name in self._addresses

    def __getitem__(self, name):
        return self._addresses[name]

    def function_at(self, address):
        """Returns the function around an address, and the offset in it."""
        position = bisect.bisect_right(self._starts, address) - 1
        if position < 0:
            return "", address
        start, name = self._code[position]
        return name, address - start

    def end_of(self, name):
        """Returns where the next function begins."""
        position = bisect.bisect_right(self._starts, self[name])
        return self._starts[position] if position < len(self._starts) else self[name] + 4096
