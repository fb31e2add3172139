# SPDX-License-Identifier: MIT
"""Zones, free lists, per-CPU lists and pageblocks of a guest that stands still, as text: T0.state, T1.state.

A record is a line, its fields are separated by blanks, and pfns are hexadecimal: FORMAT.md.
"""

from recorder.kernel import (BLOCK_ORDER, LIST_HEAD_BYTES, NR_ORDERS, PAGE_BYTES, SECTION_BLOCKS, SECTION_PAGES, VMEMMAP)
from recorder.memory import PAGE_SIZE

NR_ZONES = 5
NR_SMALL_LISTS = 12  # of a CPU: orders 0 to 3, three types; behind them those of huge pages
NR_PCP_TYPES = 3
MOST_CHUNKS = 1 << 22  # on one list, so that a broken one ends

SECTION_HAS_MEMORY = 1 << 0
SECTION_ONLINE = 1 << 2
SECTION_FLAGS = 0x3F
SKIP_BIT = 1 << 3  # of a pageblock: compaction passes it by


class State:
    """Reads one kernel's memory, and keeps the lines."""

    def __init__(self, kernel, memory, nr_cpus):
        self._kernel = kernel
        self._memory = memory
        self._cpus = [memory.u64(kernel.symbols["__per_cpu_offset"] + 8 * cpu) for cpu in range(nr_cpus)]
        self.max_pfn = memory.u64(kernel.symbols["max_pfn"])
        self.trace_counts = []
        self.lines = []

    # Fields of structs.

    def _at(self, address, struct_name, path):
        return address + self._kernel.offset(struct_name, path)

    def _zone_u64(self, zone, field):
        return self._memory.u64(self._at(zone, "zone", field))

    def _zone_i32(self, zone, field):
        return self._memory.i32(self._at(zone, "zone", field))

    def _list(self, head):
        """Returns the pfns of the pages that are linked by their lru field, first the one behind the head."""
        lru = self._kernel.offset("page", "lru")
        pfns = []
        link = self._memory.u64(head)
        while link != head:
            pfns.append((link - lru - VMEMMAP) // PAGE_BYTES)
            if len(pfns) > MOST_CHUNKS:
                raise ValueError(f"the list at {head:#x} does not end")
            link = self._memory.u64(link)
        return pfns

    # Records.

    def read(self, label):
        """Reads all, and returns the text."""
        kernel, memory = self._kernel, self._memory
        self.lines = [f"# realkernel state, format 1; label {label}", f"max_pfn {self.max_pfn:#x}",
                      f"ncpu {len(self._cpus)}"]
        self._read_trace_counts()
        zones = self._at(memory.u64(kernel.symbols["node_data"]), "pglist_data", "node_zones")
        for number in range(NR_ZONES):
            self._read_zone(number, zones + number * kernel.btf.size("zone"))
        for number, section in self.sections():
            self._read_section(number, section)
        return "\n".join(self.lines) + "\n"

    def _read_trace_counts(self):
        kernel, memory = self._kernel, self._memory
        buffer = "array_buffer" if kernel.has("trace_array", "array_buffer") else "max_buffer"
        trace = memory.u64(self._at(kernel.symbols["global_trace"], "trace_array", buffer + ".buffer"))
        buffers = memory.u64(self._at(trace, "trace_buffer", "buffers"))
        for cpu in range(len(self._cpus)):
            of_cpu = memory.u64(buffers + 8 * cpu)
            counts = {name: memory.u64(self._at(of_cpu, "ring_buffer_per_cpu", name))
                      for name in ("entries", "overrun", "commit_overrun", "dropped_events", "read")}
            self.trace_counts.append(counts)
            self.lines.append(f"trace cpu {cpu} entries {counts['entries']} overrun {counts['overrun']}"
                              f" commit_overrun {counts['commit_overrun']}"
                              f" dropped {counts['dropped_events']} read {counts['read']}")

    def _read_zone(self, number, zone):
        present = self._zone_u64(zone, "present_pages")
        if not present and not self._zone_i32(zone, "initialized"):
            return
        has_lists = self._zone_u64(zone, "spanned_pages") != 0
        self._read_zone_fields(number, zone, present)
        listed = self._read_free_lists(number, zone, has_lists)
        if present:
            self.lines.append(f"listed_free {number} {listed}")
            for cpu in range(len(self._cpus)):
                self._read_cpu_lists(number, zone, cpu)

    def _counters(self, zone, present):
        """Returns the zone's counters without and with what CPUs have not added yet, and the latter's lines."""
        kernel, memory = self._kernel, self._memory
        count = kernel.counters["NR_VM_ZONE_STAT_ITEMS"]
        stat = self._at(zone, "zone", "vm_stat")
        raw = [memory.i64(stat + 8 * item) for item in range(count)]
        total = list(raw)
        shares = []
        of_cpus = self._zone_u64(zone, "per_cpu_zonestats")
        cma = kernel.counters.get("NR_FREE_CMA_PAGES")
        for cpu, offset in enumerate(self._cpus if present else []):
            of_cpu = of_cpus + offset
            differences = [byte - 256 if byte > 127 else byte for byte in
                           memory.read(self._at(of_cpu, "per_cpu_zonestat", "vm_stat_diff"), count)]
            total = [value + difference for value, difference in zip(total, differences)]
            threshold = memory.u8(self._at(of_cpu, "per_cpu_zonestat", "stat_threshold"))
            free_cma = 0 if cma is None else differences[cma]
            shares.append((cpu, threshold, differences[kernel.counters["NR_FREE_PAGES"]], free_cma))
        return raw, total, shares

    def _read_zone_fields(self, number, zone, present):
        kernel, memory = self._kernel, self._memory
        raw, total, shares = self._counters(zone, present)
        marks = [memory.u64(self._at(zone, "zone", "_watermark") + 8 * mark) for mark in range(4)]
        reserve = self._at(zone, "zone", "lowmem_reserve")
        lru = kernel.counters["NR_ZONE_LRU_BASE"]
        fields = [
            ("va", f"{zone:#x}"),
            ("start_pfn", f"{self._zone_u64(zone, 'zone_start_pfn'):#x}"),
            ("spanned", self._zone_u64(zone, "spanned_pages")),
            ("present", present),
            ("managed", self._zone_u64(zone, "managed_pages")),
            ("nr_free_pages", total[kernel.counters["NR_FREE_PAGES"]]),
            ("nr_isolate_pageblock", self._zone_u64(zone, "nr_isolate_pageblock")),
            ("nr_reserved_highatomic", self._zone_u64(zone, "nr_reserved_highatomic")),
            ("watermark_boost", self._zone_u64(zone, "watermark_boost")),
            ("wmark_min", marks[0]),
            ("wmark_low", marks[1]),
            ("wmark_high", marks[2]),
            ("flags", f"{self._zone_u64(zone, 'flags'):#x}"),
            ("lowmem_reserve", ",".join(str(memory.i64(reserve + 8 * i)) for i in range(NR_ZONES))),
        ]
        limits = ("pageset_high_min", "pageset_high_max") if kernel.is_tuned else ("pageset_high",)
        fields += [(name, self._zone_i32(zone, name)) for name in (*limits, "pageset_batch")]
        fields += [(name, total[lru + place]) for place, name in enumerate(
            ("lru_inactive_anon", "lru_active_anon", "lru_inactive_file", "lru_active_file", "unevictable"))]
        if kernel.is_tuned:
            fields.append(("vm_stat_free", raw[kernel.counters["NR_FREE_PAGES"]]))
            fields.append(("vm_stat_free_cma", raw[kernel.counters["NR_FREE_CMA_PAGES"]]))
        if kernel.has("zone", "nr_free_highatomic"):
            fields.append(("nr_free_highatomic", self._zone_u64(zone, "nr_free_highatomic")))
            fields.append(("wmark_promo", marks[3]))
        if "NR_FREE_PAGES_BLOCKS" in kernel.counters:
            fields.append(("nr_free_pages_blocks", total[kernel.counters["NR_FREE_PAGES_BLOCKS"]]))
        if "MIGRATE_CMA" in kernel.types:
            fields.append(("nr_free_cma", total[kernel.counters["NR_FREE_CMA_PAGES"]]))
        name = memory.string(self._zone_u64(zone, "name"))
        self.lines.append(f"zone {number} {name} " + " ".join(f"{key} {value}" for key, value in fields))
        for cpu, threshold, free, free_cma in shares if kernel.is_tuned else []:
            self.lines.append(f"zstat {number} cpu {cpu} threshold {threshold} free {free} free_cma {free_cma}")

    def _read_free_lists(self, number, zone, has_lists):
        """Returns the pages that the lists have together."""
        kernel, memory = self._kernel, self._memory
        pages = 0
        for order in range(NR_ORDERS):
            area = self._at(zone, "zone", "free_area") + order * kernel.btf.size("free_area")
            self.lines.append(f"area {number} {order} nr_free {memory.u64(self._at(area, 'free_area', 'nr_free'))}")
            for migratetype in range(kernel.types["MIGRATE_TYPES"] if has_lists else 0):
                head = self._at(area, "free_area", "free_list") + LIST_HEAD_BYTES * migratetype
                pfns = self._list(head)
                if not pfns:
                    continue
                pages += len(pfns) << order
                listed = " ".join(f"{pfn:x}" for pfn in pfns)
                self.lines.append(f"list {number} {order} {migratetype} {len(pfns)} {listed}")
        return pages

    def _read_cpu_lists(self, number, zone, cpu):
        kernel, memory = self._kernel, self._memory
        lists = (self._zone_u64(zone, "per_cpu_pageset") + self._cpus[cpu]) & (1 << 64) - 1
        at = lambda field: self._at(lists, "per_cpu_pages", field)
        fields = [(name, memory.i32(at(name))) for name in ("count", "high", "batch")]
        if kernel.is_tuned:
            fields += [(name, memory.i32(at(name))) for name in ("high_min", "high_max")]
            fields += [("flags", f"{memory.u8(at('flags')):#x}"), ("alloc_factor", memory.u8(at("alloc_factor"))),
                       ("free_count", memory.u16(at("free_count"))), ("expire", memory.u8(at("expire")))]
        else:
            fields += [(name, memory.u16(at(name))) for name in ("free_factor", "expire")]
        self.lines.append(f"pcp {number} cpu {cpu} va {lists:#x} " +
                          " ".join(f"{key} {value}" for key, value in fields))
        for index in range(NR_SMALL_LISTS + 2):
            pfns = self._list(at("lists") + LIST_HEAD_BYTES * index)
            if not pfns:
                continue
            if index < NR_SMALL_LISTS:
                order, migratetype = index // NR_PCP_TYPES, str(index % NR_PCP_TYPES)
            else:
                order, migratetype = BLOCK_ORDER, ("other", "movable")[index - NR_SMALL_LISTS]
            listed = " ".join(f"{pfn:x}/{self._drained_to(pfn)}" for pfn in pfns)
            self.lines.append(f"pcplist {number} cpu {cpu} index {index} order {order} mt {migratetype}"
                              f" {len(pfns)} {listed}")

    def _drained_to(self, pfn):
        """Returns the type to which a page of a CPU's list would be drained: remembered in it, or its block's."""
        if not self._kernel.is_tuned:
            return self._memory.u64(self._at(VMEMMAP + pfn * PAGE_BYTES, "page", "index"))
        section = self._section(pfn // SECTION_PAGES)
        return self._kernel.block_type(self._blocks(section)[pfn % SECTION_PAGES >> BLOCK_ORDER])

    # Sections of memory, which hold the bits of their pageblocks.

    def _section(self, number):
        """Returns the address of a section's record, or nothing."""
        kernel, memory = self._kernel, self._memory
        size = kernel.btf.size("mem_section")
        roots = memory.u64(kernel.symbols["mem_section"])
        root = memory.u64(roots + 8 * (number // (PAGE_SIZE // size)))
        return root + number % (PAGE_SIZE // size) * size if root else None

    def sections(self):
        """Returns number and record of each section that has memory."""
        found = []
        for number in range(max((self.max_pfn + SECTION_PAGES - 1) // SECTION_PAGES, 1)):
            section = self._section(number)
            if section and self._memory.u64(self._at(section, "mem_section", "section_mem_map")):
                found.append((number, section))
        return [(number, section) for number, section in found
                if self._memory.u64(self._at(section, "mem_section", "usage"))]

    def section_flags(self, section):
        return self._memory.u64(self._at(section, "mem_section", "section_mem_map")) & SECTION_FLAGS

    def _blocks(self, section):
        """Returns the bits of each pageblock of a section, lowest first."""
        kernel, memory = self._kernel, self._memory
        usage = memory.u64(self._at(section, "mem_section", "usage"))
        bits = kernel.block_bits
        bitmap = int.from_bytes(memory.read(self._at(usage, "mem_section_usage", "pageblock_flags"),
                                            SECTION_BLOCKS * bits // 8), "little")
        return [bitmap >> block * bits & (1 << bits) - 1 for block in range(SECTION_BLOCKS)]

    def _read_section(self, number, section):
        kernel, memory = self._kernel, self._memory
        flags = self.section_flags(section)
        blocks = self._blocks(section)
        usage = memory.u64(self._at(section, "mem_section", "usage"))
        subsections = memory.u64(self._at(usage, "mem_section_usage", "subsection_map"))
        line = (f"section {number} start_pfn {number * SECTION_PAGES:#x} flags {flags:#x}"
                f" online {1 if flags & SECTION_ONLINE else 0} subsections {subsections:016x}"
                f" blocks {''.join(str(kernel.block_type(bits)) for bits in blocks)}"
                f" skip {''.join('1' if bits & SKIP_BIT else '0' for bits in blocks)}")
        if kernel.block_bits == 8:  # the type that an isolated block keeps
            line += f" orig {''.join(str(bits & 7) for bits in blocks)}"
        self.lines.append(line)
