# SPDX-License-Identifier: MIT
"""What of a kernel's types matters here, by the names that they have in its BTF."""

from recorder import elf
from recorder.btf import Btf
from recorder.symbols import Symbols

VMEMMAP = 0xFFFFEA0000000000  # struct page of pfn 0
PAGE_BYTES = 64  # sizeof(struct page)
LIST_HEAD_BYTES = 16
NR_ORDERS = 11
BLOCK_ORDER = 9
SECTION_PAGES = 1 << 15
SECTION_BLOCKS = SECTION_PAGES >> BLOCK_ORDER


class Kernel:
    """Symbols and types of one kernel."""

    def __init__(self, release, btf, symbols):
        self.release = release
        self.btf = btf
        self.symbols = symbols
        self.types = btf.enumerators("migratetype")
        self.isolate = self.types["MIGRATE_ISOLATE"]
        self.counters = btf.enumerators("zone_stat_item")
        self.page_types = {value & 0xFF: name.split("_", 1)[1].lower()
                           for name, value in btf.enumerators("pagetype").items()}
        # From v6.7 on the limit of per-CPU lists follows what the CPU does.
        self.is_tuned = btf.has("per_cpu_pages", "high_min")
        # From v6.17 on isolation is a bit of its own beside a block's type.
        self.block_bits = 8 if "__NR_PAGEBLOCK_BITS" in btf.enumerators("pageblock_bits") else 4

    @classmethod
    def of_files(cls, release, vmlinux, kallsyms):
        """Reads the kernel's ELF file and a text of /proc/kallsyms."""
        return cls(release, Btf(elf.section(vmlinux.read_bytes(), ".BTF")), Symbols(kallsyms.read_text()))

    def offset(self, struct_name, path):
        return self.btf.offset(struct_name, path)

    def has(self, struct_name, path):
        return self.btf.has(struct_name, path)

    def block_type(self, bits):
        """Returns a pageblock's type of the bits that are kept of it."""
        if self.block_bits == 8 and bits & 16:
            return self.isolate
        return bits & 7
