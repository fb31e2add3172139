# SPDX-License-Identifier: MIT
"""The page descriptors of a guest that stands still, as text: T0.pages, T1.pages.

A line is a run of pages that look alike: pfn, how many, flags, reference count, map count, type, order, zone,
mapping.
"""

import struct

from recorder.kernel import PAGE_BYTES, SECTION_PAGES, VMEMMAP
from recorder.memory import PAGE_SIZE, UnmappedError
from recorder.state import SECTION_HAS_MEMORY, SECTION_ONLINE

HEADER = "# pfn run flags refcount mapcount type order zone mapping   (see README)"
FLAG_BITS = 0xFFFFFF
ZONE_SHIFT = 51  # of the flags, as every amd64 kernel of Debian has them
FIRST_TYPE, END_OF_TYPES = 0xF0, 0xFF  # in the top byte of the map count, from v6.12 on
MAPPINGS = "FAMK"  # by the two lowest bits of the pointer: file or other, anonymous, movable, shared by KSM

# v6.1: single bits that are cleared say what a page is.
CLEARED_BITS = ((0x80, "buddy"), (0x100, "offline"), (0x200, "table"))
V6_1_BUDDY = 0xF0000000
V6_1_SLAB = 1 << 9  # of the flags


def _signed(number):
    return number - (1 << 32) if number >> 31 else number


class Pages:
    """Reads struct page as one kernel has it."""

    def __init__(self, kernel):
        self._types = kernel.page_types
        self._head = 1 << kernel.btf.enumerators("pageflags")["PG_head"]
        offset = lambda path: kernel.offset("page", path)
        self._flags, self._compound_head = offset("flags") // 8, offset("compound_head") // 8
        self._mapping, self._private = offset("mapping") // 8, offset("private") // 8
        self._counts = offset("_mapcount") // 8
        if offset("_refcount") != offset("_mapcount") + 4:
            raise ValueError("map count and reference count are not neighbours")
        # The order of a compound page is a byte of its second page.
        self._order_at = (kernel.offset("page", "compound_order") if kernel.has("page", "compound_order")
                          else kernel.offset("folio", "_flags_1") - PAGE_BYTES)

    def _type_of(self, mapcount):
        if self._types:
            top = mapcount >> 24
            return self._types.get(top, f"type{top:x}") if FIRST_TYPE <= top < END_OF_TYPES else "-"
        for bit, name in CLEARED_BITS:
            if mapcount & (V6_1_BUDDY | bit) == V6_1_BUDDY:
                return name
        return "-"

    def describe(self, descriptors, at):
        """Returns the fields of the page whose descriptor begins at byte `at`."""
        words = struct.unpack_from("<8Q", descriptors, at)
        flags = words[self._flags] & FLAG_BITS
        counts = words[self._counts]
        mapcount, references = counts & 0xFFFFFFFF, _signed(counts >> 32)
        kind = self._type_of(mapcount)
        is_tail = words[self._compound_head] & 1
        is_head = flags & self._head and not (self._types and kind == "buddy")
        has_type = kind != "-" if self._types else flags & V6_1_SLAB or kind == "buddy"
        order = "-"
        if is_head and at + 2 * PAGE_BYTES <= len(descriptors):
            order = descriptors[at + PAGE_BYTES + self._order_at]
        elif kind == "buddy":
            order = words[self._private]
        mapping = words[self._mapping]
        if is_tail:
            letter = "T"
        elif mapping == 0 or has_type:
            letter = "-"
        else:
            letter = MAPPINGS[mapping & 3]
        shown = str(_signed(mapcount)) if kind == "-" else f"{mapcount:x}"
        zone = words[self._flags] >> ZONE_SHIFT & 7
        return f"{flags:x} {references} {shown} {kind} {order} {zone} {letter}"

    def runs(self, descriptors, first_pfn, count):
        """Returns the lines of `count` pages."""
        lines = []
        start, before, raw_before = 0, None, None
        for page in range(count):
            raw = descriptors[page * PAGE_BYTES:(page + 1) * PAGE_BYTES]
            # Most pages are as the one before, but for links: only what is new is taken apart.
            fields = before if raw == raw_before and before is not None else self.describe(descriptors, page * PAGE_BYTES)
            raw_before = raw
            if fields == before:
                continue
            if before is not None:
                lines.append(f"{first_pfn + start:x} {page - start} {before}")
            start, before = page, fields
        if before is not None:
            lines.append(f"{first_pfn + start:x} {count - start} {before}")
        return lines


def _descriptors(memory, section):
    """Returns the descriptors of a section; ones where there are none."""
    start = VMEMMAP + section * SECTION_PAGES * PAGE_BYTES
    parts = []
    for page in range(SECTION_PAGES * PAGE_BYTES // PAGE_SIZE):
        try:
            parts.append(memory.physical(memory.to_physical(start + page * PAGE_SIZE), PAGE_SIZE))
        except UnmappedError:
            parts.append(b"\xff" * PAGE_SIZE)
    return b"".join(parts)


def read_pages(kernel, memory, state):
    """Returns the text of all sections that are online or were there at boot."""
    pages = Pages(kernel)
    lines = [HEADER]
    for number, section in state.sections():
        if not state.section_flags(section) & (SECTION_ONLINE | SECTION_HAS_MEMORY):
            continue
        first = number * SECTION_PAGES
        count = min(SECTION_PAGES, state.max_pfn - first)
        lines += pages.runs(_descriptors(memory, number), first, count)
    return "\n".join(lines) + "\n"
