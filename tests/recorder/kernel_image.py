# SPDX-License-Identifier: MIT
"""For the tests: a kernel's types as BTF, its ELF file, and a machine's memory with a zone in it."""

import struct

from recorder import btf
from recorder.kernel import LIST_HEAD_BYTES, NR_ORDERS, PAGE_BYTES, VMEMMAP
from recorder.memory import DIRECT_MAP, KERNEL_TEXT

SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}


class BtfWriter:
    """Builds BTF out of structs and enumerations."""

    def __init__(self):
        self._strings = b"\0"
        self._types = []
        self._numbers = {name: self._add(name, btf.INT, size, struct.pack("<I", size * 8))
                         for name, size in SIZES.items()}

    def _add(self, name, kind, size, members=b"", count=0, flag=0):
        offset = 0
        if name:
            offset = len(self._strings)
            self._strings += name.encode() + b"\0"
        self._types.append(struct.pack("<III", offset, flag << 31 | kind << 24 | count, size) + members)
        return len(self._types)

    def _string(self, text):
        self._strings += text.encode() + b"\0"
        return len(self._strings) - len(text) - 1

    def alias(self, name, kind, of):
        """A typedef, or a const of another type."""
        self._numbers[name] = self._add(name if kind == btf.TYPEDEF else "", kind, self._numbers[of])

    def array(self, name, of, count):
        self._numbers[name] = self._add("", btf.ARRAY, 0, struct.pack("<III", self._numbers[of], 0, count))

    def struct(self, name, size, fields, kind=btf.STRUCT, named=True):
        """Fields are (name, type, offset in bytes); a field without a name is a struct's part."""
        members = b"".join(struct.pack("<III", self._string(field) if field else 0, self._numbers[of], offset * 8)
                           for field, of, offset in fields)
        self._numbers[name] = self._add(name if named else "", kind, size, members, len(fields))

    def enum(self, name, values):
        members = b"".join(struct.pack("<Ii", self._string(key), value) for key, value in values.items())
        self._add(name, btf.ENUM, 4, members, len(values))

    def function(self, name):
        """What has to be read over: a function, and its prototype with one parameter."""
        prototype = self._add("", btf.PROTOTYPE, 0, struct.pack("<II", 0, self._numbers["u64"]), 1)
        self._add(name, btf.FUNCTION, prototype)

    def bytes(self):
        types = b"".join(self._types)
        header = struct.pack("<HBBIIIII", btf.MAGIC, 1, 0, 24, 0, len(types), len(types), len(self._strings))
        return header + types + self._strings


def elf_file(section, content):
    """Returns a small ELF file with that section."""
    names = b"\0.shstrtab\0" + section.encode() + b"\0"
    content_at = 64
    names_at = content_at + len(content)
    table = names_at + len(names)

    def header(name, offset, length):
        return struct.pack("<IIQQQQIIQQ", name, 1, 0, 0, offset, length, 0, 0, 1, 0)

    start = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    start += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, table, 0, 64, 0, 0, 64, 3, 1)
    return (start + content + names + header(0, 0, 0) + header(1, names_at, len(names)) +
            header(11, content_at, len(content)))


def types_of(is_tuned, block_bits=4):
    """Returns the types that a state is read by, in an order and with gaps of their own."""
    writer = BtfWriter()
    writer.struct("list_head", 16, [("next", "u64", 0), ("prev", "u64", 8)])
    writer.array("free_lists", "list_head", 6)
    writer.struct("free_area", 104, [("free_list", "free_lists", 0), ("nr_free", "u64", 96)])
    writer.array("free_areas", "free_area", NR_ORDERS)
    writer.array("words", "u64", 16)
    zone = [("_watermark", "words", 0), ("watermark_boost", "u64", 32), ("nr_reserved_highatomic", "u64", 40),
            ("lowmem_reserve", "words", 48), ("per_cpu_pageset", "u64", 96), ("per_cpu_zonestats", "u64", 104),
            ("pageset_batch", "u32", 112), ("zone_start_pfn", "u64", 128), ("managed_pages", "u64", 136),
            ("spanned_pages", "u64", 144), ("present_pages", "u64", 152), ("name", "u64", 160),
            ("nr_isolate_pageblock", "u64", 168), ("initialized", "u32", 176), ("free_area", "free_areas", 192),
            ("flags", "u64", 1344), ("vm_stat", "words", 1352)]
    limits = ["pageset_high_min", "pageset_high_max"] if is_tuned else ["pageset_high"]
    zone += [(name, "u32", 116 + 4 * place) for place, name in enumerate(limits)]
    if is_tuned:
        zone.append(("nr_free_highatomic", "u64", 184))
    writer.struct("zone", 1536, zone)
    writer.struct("pglist_data", 16384, [("node_zones", "zone", 64)])
    writer.array("lists", "list_head", 14)
    cpu = [("count", "u32", 4), ("high", "u32", 8)]
    if is_tuned:
        cpu += [("high_min", "u32", 12), ("high_max", "u32", 16), ("batch", "u32", 20), ("flags", "u8", 24),
                ("alloc_factor", "u8", 25), ("expire", "u8", 26), ("free_count", "u16", 28)]
    else:
        cpu += [("batch", "u32", 12), ("free_factor", "u16", 16), ("expire", "u16", 18)]
    writer.struct("per_cpu_pages", 320, [*cpu, ("lists", "lists", 32)])
    writer.struct("per_cpu_zonestat", 16, [("vm_stat_diff", "u64", 0), ("stat_threshold", "u8", 8)])
    writer.struct("page_part", 40, [("lru", "list_head", 0), ("mapping", "u64", 16), ("index", "u64", 24),
                                    ("private", "u64", 32)], named=False)
    page = [("flags", "u64", 0), ("", "page_part", 8), ("compound_head", "u64", 8), ("_mapcount", "u32", 48),
            ("_refcount", "u32", 52)]
    if not is_tuned:
        page.append(("compound_order", "u8", 17))
    writer.struct("page", PAGE_BYTES, page)
    writer.struct("folio", 192, [("page", "page", 0), ("_flags_1", "u64", 64)])
    writer.struct("mem_section", 16, [("section_mem_map", "u64", 0), ("usage", "u64", 8)])
    writer.struct("mem_section_usage", 72, [("subsection_map", "u64", 0), ("pageblock_flags", "words", 8)])
    writer.struct("array_buffer", 16, [("buffer", "u64", 8)])
    writer.struct("trace_array", 64, [("array_buffer", "array_buffer", 16)])
    writer.struct("trace_buffer", 64, [("buffers", "u64", 40)])
    writer.struct("ring_buffer_per_cpu", 64, [(name, "u64", 8 * place) for place, name in enumerate(
        ("entries", "overrun", "commit_overrun", "dropped_events", "read"))])
    writer.function("max_pfn_of")
    writer.enum("migratetype", {"MIGRATE_UNMOVABLE": 0, "MIGRATE_MOVABLE": 1, "MIGRATE_RECLAIMABLE": 2,
                                "MIGRATE_HIGHATOMIC": 3, "MIGRATE_ISOLATE": 4, "MIGRATE_TYPES": 5})
    writer.enum("zone_stat_item", {"NR_FREE_PAGES": 0, "NR_ZONE_LRU_BASE": 1, "NR_FREE_CMA_PAGES": 6,
                                   "NR_VM_ZONE_STAT_ITEMS": 7})
    writer.enum("pageflags", {"PG_locked": 0, "PG_head": 16})
    if is_tuned:
        writer.enum("pagetype", {"PGTY_buddy": 0xF0, "PGTY_slab": 0xF5})
    writer.enum("pageblock_bits", {"__NR_PAGEBLOCK_BITS": 8} if block_bits == 8 else {"NR_PAGEBLOCK_BITS": 4})
    return writer.bytes()


class Image:
    """Physical memory: structs from 1 MiB on, the page tables of the descriptors, and those of the first section."""

    TABLES = 0x1000
    DESCRIPTORS = 2 << 20

    def __init__(self):
        self.memory = bytearray(4 << 20)
        self._next = 1 << 20
        self.symbols = {}
        # Four levels, whose last entry here is a page of 2 MiB.
        for level, shift in enumerate((39, 30, 21)):
            table = self.TABLES + 0x1000 * level
            below = table + 0x1000 | 3 if shift != 21 else self.DESCRIPTORS | 0x83
            self.put(table + (VMEMMAP >> shift & 511) * 8, "Q", below)
        self.symbols["init_top_pgt"] = KERNEL_TEXT + self.TABLES

    def put(self, physical, form, *values):
        struct.pack_into("<" + form, self.memory, physical, *values)

    def new(self, size, name=None):
        """Returns the physical address of fresh memory; a name becomes a symbol of the kernel's image."""
        at = self._next
        self._next += (size + 15) // 16 * 16
        if name:
            self.symbols[name] = KERNEL_TEXT + at
        return at

    def list(self, head_physical, head, pfns, lru):
        """Links pages, and an empty list to itself."""
        links = [head] + [VMEMMAP + pfn * PAGE_BYTES + lru for pfn in pfns]
        places = [head_physical] + [self.DESCRIPTORS + pfn * PAGE_BYTES + lru for pfn in pfns]
        for place, after, before in zip(places, links[1:] + links[:1], links[-1:] + links[:-1]):
            self.put(place, "QQ", after, before)

    def lists(self, physical, address, of, lru):
        """Writes neighbouring lists."""
        for place, pfns in enumerate(of):
            self.list(physical + LIST_HEAD_BYTES * place, address + LIST_HEAD_BYTES * place, pfns, lru)


def direct(physical):
    """Returns the address at which the kernel sees physical memory."""
    return DIRECT_MAP + physical
