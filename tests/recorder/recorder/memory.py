# SPDX-License-Identifier: MIT
"""A guest's memory, read from outside while it stands still: x86-64 with four levels of page tables."""

import mmap
import os
import struct

PAGE_SIZE = 4096
KERNEL_TEXT = 0xFFFFFFFF80000000  # where the kernel's own image is mapped with nokaslr
KERNEL_TEXT_END = 0xFFFFFFFFC0000000
DIRECT_MAP = 0xFFFF888000000000  # all of physical memory
DIRECT_MAP_END = 0xFFFFC88000000000
PRESENT = 1 << 0
LARGE = 1 << 7
FRAME = 0x000FFFFFFFFFF000


class UnmappedError(Exception):
    """Nothing is at an address."""


class Memory:
    """Physical ranges, and the kernel's view of them."""

    def __init__(self, ranges, page_tables):
        """Takes (physical address, bytes) for each range, and the physical address of the kernel's page tables."""
        self._ranges = ranges
        self._page_tables = page_tables
        self._frames = {}

    @classmethod
    def of_files(cls, files, symbols):
        """Takes (physical address, size, path) for each range."""
        ranges = []
        for address, size, path in files:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                ranges.append((address, mmap.mmap(descriptor, size, prot=mmap.PROT_READ)))
            finally:
                os.close(descriptor)
        return cls(ranges, symbols["init_top_pgt"] - KERNEL_TEXT)

    def physical(self, address, length):
        """Returns bytes of one range."""
        for start, memory in self._ranges:
            if start <= address and address + length <= start + len(memory):
                return memory[address - start:address - start + length]
        raise UnmappedError(f"there is no memory at {address:#x}")

    def _walk(self, address):
        table = self._page_tables
        for shift in (39, 30, 21, 12):
            entry, = struct.unpack("<Q", self.physical(table + (address >> shift & 511) * 8, 8))
            if not entry & PRESENT:
                raise UnmappedError(f"nothing is mapped at {address:#x}")
            if shift in (30, 21) and entry & LARGE:
                inside = (1 << shift) - 1
                return (entry & FRAME & ~inside) | (address & inside)
            table = entry & FRAME
        return table | (address & (PAGE_SIZE - 1))

    def to_physical(self, address):
        """Returns where a kernel's address is in physical memory."""
        if KERNEL_TEXT <= address < KERNEL_TEXT_END:
            return address - KERNEL_TEXT
        if DIRECT_MAP <= address < DIRECT_MAP_END:
            return address - DIRECT_MAP
        page = address // PAGE_SIZE
        if page not in self._frames:
            self._frames[page] = self._walk(address) & ~(PAGE_SIZE - 1)
        return self._frames[page] | (address & (PAGE_SIZE - 1))

    def read(self, address, length):
        """Returns bytes at a kernel's address. Addresses wrap at 64 bits, as per-CPU ones do."""
        parts = []
        while length != 0:
            address &= (1 << 64) - 1
            part = min(length, PAGE_SIZE - address % PAGE_SIZE)
            parts.append(self.physical(self.to_physical(address), part))
            address += part
            length -= part
        return b"".join(parts)

    def _number(self, address, form):
        return struct.unpack("<" + form, self.read(address, struct.calcsize("<" + form)))[0]

    def u64(self, address):
        return self._number(address, "Q")

    def i64(self, address):
        return self._number(address, "q")

    def i32(self, address):
        return self._number(address, "i")

    def u16(self, address):
        return self._number(address, "H")

    def u8(self, address):
        return self._number(address, "B")

    def string(self, address):
        """Returns a text that ends with a zero."""
        text = b""
        while not text.endswith(b"\0"):
            text += self.read(address + len(text), 1)
        return text[:-1].decode()
