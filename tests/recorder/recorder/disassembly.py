# SPDX-License-Identifier: MIT
"""Places inside functions, for what no function's beginning shows. Needs objdump (binutils)."""

import re
import subprocess

CALL_BYTES = 5
INSTRUCTION = re.compile(r"\s*([0-9a-f]+):\s+(.*)")
JUMP = re.compile(r"(call|j\w+)\s+0x([0-9a-f]+)")


class Disassembly:
    """The instructions of a kernel's functions, with names instead of addresses."""

    def __init__(self, vmlinux, symbols):
        self._vmlinux = vmlinux
        self._symbols = symbols

    def instructions(self, function):
        """Returns (offset, text) of each; of jumps and calls the text is "call name+0x0"."""
        start = self._symbols[function]
        text = subprocess.run(
            ["objdump", "-d", "--no-show-raw-insn", f"--start-address={start:#x}",
             f"--stop-address={self._symbols.end_of(function):#x}", str(self._vmlinux)],
            check=True, capture_output=True, text=True).stdout
        found = []
        for line in text.splitlines():
            instruction = INSTRUCTION.match(line)
            if not instruction:
                continue
            what = instruction.group(2)
            jump = JUMP.search(what)
            if jump:
                name, offset = self._symbols.function_at(int(jump.group(2), 16))
                what = f"{jump.group(1)} {name}+{offset:#x}"
            found.append((int(instruction.group(1), 16) - start, what))
        return found
