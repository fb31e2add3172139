# SPDX-License-Identifier: MIT
"""Probes: lines in the trace for what the kernel has no event for.

A probe has a name, which replays know, and one or more ways to get it: the first that fits the kernel is taken.
Arguments are in the kernel's own language for kprobes, and <struct.field> stands for the offset of a field. What each
tells is in FORMAT.md.
"""

import dataclasses
import re

from recorder.disassembly import CALL_BYTES

GROUP = "pageblock"
TUNED = "per_cpu_pages.high_min"  # limits of per-CPU lists follow what the CPU does: v6.7
FROZEN = "free_frozen_page_commit"  # pages in use without a reference: v6.14


@dataclasses.dataclass(frozen=True)
class Way:
    """A function to probe at its beginning, or where it returns."""
    function: str
    arguments: str = ""
    needs: str = ""  # a function or a struct's field that the kernel must have
    lacks: str = ""  # and one that it must not have


def _entry(name, *ways):
    return "p", name, ways


def _return(name, *functions, value=""):
    return "r", name, tuple(Way(function, f"ret=$retval:{value}" if value else "") for function in functions)


ZONE_FLAGS = "zf=+<zone.flags>"
SET_ISOLATE = ("set_migratetype_isolate", "set_migratetype_isolate.isra.0")
ISOLATE_SINGLE = ("isolate_single_pageblock", "isolate_single_pageblock.isra.0")
ALLOC_CONTIG = ("alloc_contig_frozen_range_noprof", "alloc_contig_range_noprof", "alloc_contig_range")
BULK = ("alloc_pages_bulk_noprof", "__alloc_pages_bulk")
CLAIM = ("try_to_claim_block", "try_to_steal_block")

PROBES = (
    # Isolation, contiguous ranges, memory that goes and comes.
    _entry("start_isolate",
           Way("start_isolate_page_range", "start=$arg1:x64 end=$arg2:x64 mode=$arg3:s32", needs=FROZEN),
           Way("start_isolate_page_range",
               "start=$arg1:x64 end=$arg2:x64 mt=$arg3:s32 flags=$arg4:x32 gfp=$arg5:x32")),
    _return("start_isolate_ret", "start_isolate_page_range", value="s32"),
    _entry("undo_isolate",
           Way("undo_isolate_page_range", "start=$arg1:x64 end=$arg2:x64", needs=FROZEN),
           Way("undo_isolate_page_range", "start=$arg1:x64 end=$arg2:x64 mt=$arg3:s32")),
    _return("undo_isolate_ret", "undo_isolate_page_range"),
    _entry("set_isolate", *(Way(name, "page=%di:x64 a2=%si:x32 a3=%dx:x64 a4=%cx:x64") for name in SET_ISOLATE)),
    _return("set_isolate_ret", *SET_ISOLATE, value="s32"),
    _entry("unset_isolate",
           Way("unset_migratetype_isolate", "page=$arg1:x64", needs=FROZEN),
           Way("unset_migratetype_isolate", "page=$arg1:x64 mt=$arg2:s32")),
    _return("unset_isolate_ret", "unset_migratetype_isolate"),
    _entry("isolate_single",
           Way("isolate_single_pageblock", "boundary=$arg1:x64 mode=$arg2:s32 before=$arg3:u8 skip=$arg4:u8",
               needs=FROZEN),
           Way("isolate_single_pageblock",
               "boundary=$arg1:x64 flags=$arg2:x32 gfp=$arg3:x32 before=$arg4:u8 skip=$arg5:u8 mt=$arg6:s32"),
           Way("isolate_single_pageblock.isra.0",
               "boundary=%di:x64 flags=%si:x32 before=%dx:u8 skip=%cx:u8 mt=%r8:s32")),
    _return("isolate_single_ret", *ISOLATE_SINGLE, value="s32"),
    _entry("alloc_contig",
           Way(ALLOC_CONTIG[0], "start=$arg1:x64 end=$arg2:x64 flags=$arg3:x32 gfp=$arg4:x32"),
           *(Way(name, "start=$arg1:x64 end=$arg2:x64 mt=$arg3:s32 gfp=$arg4:x32") for name in ALLOC_CONTIG[1:])),
    _return("alloc_contig_ret", *ALLOC_CONTIG, value="s32"),
    _entry("contig_migrate", Way("__alloc_contig_migrate_range", "start=$arg2:x64 end=$arg3:x64", lacks=FROZEN)),
    ("r", "contig_migrate_ret", (Way("__alloc_contig_migrate_range", "ret=$retval:s32", lacks=FROZEN),)),
    _entry("free_contig", Way("free_contig_range", "pfn=$arg1:x64 nr=$arg2:u64")),
    _entry("free_contig_frozen", Way("free_contig_frozen_range", "pfn=$arg1:x64 nr=$arg2:u64")),
    _entry("drain_all", Way("drain_all_pages", "zone=$arg1:x64")),
    _entry("pcp_disable", Way("zone_pcp_disable", "zone=$arg1:x64")),
    _entry("pcp_enable", Way("zone_pcp_enable", "zone=$arg1:x64")),
    _entry("offline", Way("offline_pages", "start=$arg1:x64 nr=$arg2:u64")),
    _return("offline_ret", "offline_pages", value="s32"),
    _entry("online", Way("online_pages", "start=$arg1:x64 nr=$arg2:u64")),
    _return("online_ret", "online_pages", value="s32"),
    _entry("offline_isolated", Way("__offline_isolated_pages", "start=$arg1:x64 end=$arg2:x64")),
    _entry("free_core", Way("__free_pages_core", "page=$arg1:x64 order=$arg2:u32")),
    # Chunks that are split, taken off the lists, put back.
    _entry("split_free", Way("split_free_page", "page=$arg1:x64 order=$arg2:u32 off=$arg3:u64")),
    _return("split_free_ret", "split_free_page", value="s32"),
    _entry("split_buddy",
           Way("split_large_buddy", "zone=$arg1:x64 page=$arg2:x64 pfn=$arg3:x64 order=$arg4:u32 fpi=$arg5:x32")),
    _entry("isolate_free", Way("__isolate_free_page", "page=$arg1:x64 order=$arg2:u32")),
    _return("isolate_free_ret", "__isolate_free_page", value="s32"),
    _entry("putback_isolated", Way("__putback_isolated_page", "page=$arg1:x64 order=$arg2:u32 mt=$arg3:s32")),
    _entry("split_page", Way("split_page", "page=$arg1:x64 order=$arg2:u32")),
    # Per-CPU lists.
    _entry("drain_all_inner", Way("__drain_all_pages", "zone=$arg1:x64 force=$arg2:u8", lacks=TUNED)),
    _entry("drain_zone_cpu", Way("drain_pages_zone", "cpu=$arg1:u32 zone=$arg2:x64")),
    _entry("drain_remote", Way("drain_zone_pages", "zone=$arg1:x64 pcp=$arg2:x64")),
    _entry("pcp_decay",
           Way("decay_pcp_high", "zone=$arg1:x64 pcp=$arg2:x64"
               " high=+<per_cpu_pages.high>($arg2):s32 count=+<per_cpu_pages.count>($arg2):s32")),
    _entry("pcp_free",
           Way("free_frozen_page_commit", "zone=$arg1:x64 pcp=$arg2:x64 page=$arg3:x64 mt=$arg4:s32 order=$arg5:u32"
               f" fpi=$arg6:x32 {ZONE_FLAGS}($arg1):x8"),
           Way("free_unref_page_commit", "zone=$arg1:x64 pcp=$arg2:x64 page=$arg3:x64 mt=$arg4:s32 order=$arg5:u32"
               f" {ZONE_FLAGS}($arg1):x8", needs=TUNED),
           Way("free_unref_page_commit",
               "zone=$arg1:x64 pcp=$arg2:x64 page=$arg3:x64 mt=$arg4:s32 order=$arg5:u32")),
    _entry("free_one",
           Way("free_one_page", "zone=$arg1:x64 page=$arg2:x64 pfn=$arg3:x64 order=$arg4:u32 fpi=$arg5:x32"),
           Way("free_one_page.constprop.0",
               "zone=$arg1:x64 page=$arg2:x64 pfn=$arg3:x64 order=$arg4:u32 mt=$arg5:s32")),
    _entry("free_ok", Way("__free_pages_ok", "page=$arg1:x64 order=$arg2:u32 fpi=$arg3:x32")),
    _entry("pcp_refill",
           Way("rmqueue_bulk", "zone=$arg1:x64 order=$arg2:u32 count=$arg3:u64 list=$arg4:x64 mt=$arg5:s32"
               " flags=$arg6:x32", lacks=TUNED)),
    ("r", "pcp_refill_ret", (Way("rmqueue_bulk", "ret=$retval:s32", lacks=TUNED),)),
    _entry("pcp_bulk_free",
           Way("free_pcppages_bulk", "zone=$arg1:x64 count=$arg2:s32 pcp=$arg3:x64 pindex=$arg4:s32")),
    # Requests for many pages at once.
    _entry("bulk",
           Way(BULK[0], "gfp=$arg1:x32 nr=$arg4:s32 array=$arg5:x64", needs=FROZEN),
           *(Way(name, "gfp=$arg1:x32 nr=$arg4:s32 list=$arg5:x64 array=$arg6:x64") for name in BULK)),
    _return("bulk_ret", *BULK, value="s64"),
    _entry("bulk_free", Way("free_pages_bulk", "array=$arg1:x64 nr=$arg2:u64")),
    # Memory of other types, and pageblocks that change theirs.
    _entry("unreserve_ha", Way("unreserve_highatomic_pageblock")),
    _entry("steal", Way("steal_suitable_fallback",
                        "zone=$arg1:x64 page=$arg2:x64 flags=$arg3:x32 start=$arg4:s32 whole=$arg5:u8")),
    _entry("claim",
           Way(CLAIM[0], "zone=$arg1:x64 page=$arg2:x64 found=$arg3:s32 order=$arg4:s32 start=$arg5:s32"
               " block=$arg6:s32"),
           Way(CLAIM[1], "zone=$arg1:x64 page=$arg2:x64 found=$arg3:s32 order=$arg4:s32 start=$arg5:s32"
               " flags=$arg6:x32")),
    _return("claim_ret", *CLAIM, value="x64"),
    _entry("move_block",
           Way("move_freepages_block", "zone=$arg1:x64 page=$arg2:x64 old=$arg3:s32 mt=$arg4:s32", needs=TUNED),
           Way("move_freepages_block", "zone=$arg1:x64 page=$arg2:x64 mt=$arg3:s32")),
    _entry("move_free",
           Way("__move_freepages_block", "zone=$arg1:x64 start=$arg2:x64 old=$arg3:s32 mt=$arg4:s32", needs=TUNED)),
    _entry("move_isolate",
           Way("__move_freepages_block_isolate", "zone=$arg1:x64 page=$arg2:x64 isolate=$arg3:u8"),
           Way("move_freepages_block_isolate", "zone=$arg1:x64 page=$arg2:x64 mt=$arg3:s32")),
    _entry("set_block", Way("set_pfnblock_flags_mask",
                            "page=$arg1:x64 flags=$arg2:x64 pfn=$arg3:x64 mask=$arg4:x64", lacks=FROZEN)),
    # kswapd, compaction, counters.
    _entry("reclaim_on", Way("balance_pgdat", "order=$arg2:s32 zoneidx=$arg3:s32")),
    _return("reclaim_off", "balance_pgdat", value="s32"),
    _entry("vmstat_fold", Way("refresh_cpu_vm_stats", "pagesets=$arg1:u8", needs=TUNED)),
    _entry("list_to_tail", Way("move_freelist_tail", "list=$arg1:x64 page=$arg2:x64", needs=TUNED)),
    _entry("compact_free", Way("compaction_free", "page=$arg1:x64", needs=TUNED)),
    _entry("compact_alloc", Way("compaction_alloc", "page=$arg1:x64", needs=TUNED)),
)

# Places that were searched for by hand in one kernel, where the function that would show it is part of another.
BY_HAND = {"6.1.0-56-cloud-amd64": (("bulk_page", "__alloc_pages_bulk+772", "page=%dx:x64"),)}

TAKE = f"zone=%di:x64 order=%si:u32 mt=%dx:s32 flags=%cx:x32 {ZONE_FLAGS}(%di):x8"
NR_ZONES_SHOWN = 4


def _has(kernel, what):
    struct_name, _, field = what.partition(".")
    return kernel.has(struct_name, field) if field else what in kernel.symbols


def _filled(kernel, arguments):
    return re.sub(r"<(\w+)\.(\w+)>", lambda field: str(kernel.offset(*field.groups())), arguments)


def _define(kind, name, place, arguments):
    return f"{kind}:{GROUP}/{name} {place} {arguments}".rstrip()


def _limits(kernel):
    """What every zone's per-CPU limits are after they were set, read from the only node."""
    fields = (("h", "pageset_high_min"), ("x", "pageset_high_max"), ("b", "pageset_batch"))
    if not kernel.is_tuned:
        fields = (("h", "pageset_high"), ("b", "pageset_batch"))
    zones = kernel.offset("pglist_data", "node_zones")
    values = [f"{letter}{zone}=+{zones + zone * kernel.btf.size('zone') + kernel.offset('zone', field)}"
              "(@node_data):s32"
              for zone in range(NR_ZONES_SHOWN) for letter, field in fields]
    return _define("r", "pcp_set_ret", "zone_set_pageset_high_and_batch", " ".join(values))


def _calls(disassembly, inside, callee):
    return [offset for offset, text in disassembly.instructions(inside) if text == f"call {callee}+0x0"]


def _inner_places(kernel, disassembly):
    """Places where functions that are part of others would begin. More than one of a kind are numbered."""
    found = []
    function = "__rmqueue_pcplist"
    if not kernel.is_tuned or function not in kernel.symbols:
        return found
    for number, offset in enumerate(_calls(disassembly, "get_page_from_freelist", function)):
        found.append(_define("p", f"pcp_take{number or ''}", f"get_page_from_freelist+{offset}",
                             _filled(kernel, TAKE)))
    for number, offset in enumerate(_calls(disassembly, BULK[0], function)):
        found.append(_define("p", f"bulk_take{number or ''}", f"{BULK[0]}+{offset}", _filled(kernel, TAKE)))
        found.append(_define("p", f"bulk_page{number or ''}", f"{BULK[0]}+{offset + CALL_BYTES}", "page=%ax:x64"))
    return found + _list_turn(disassembly)


def _list_turn(disassembly):
    """Where compaction makes a page the first of its list: it asks whether the page is that already, by comparing
    the link to the one before, 16 bytes into the page, with the list's head."""
    is_first = re.compile(r"cmp\s+0x10\(%(\w+)\),%(\w+)")
    places = [(offset, test.groups()) for offset, text in disassembly.instructions("compaction_alloc")
              for test in [is_first.match(text)] if test]
    if len(places) != 1:
        return []
    offset, registers = places[0]
    page, head = (register[1:] if re.fullmatch("r[a-z]+", register) else register for register in registers)
    return [_define("p", "list_to_head", f"compaction_alloc+{offset}", f"list=%{head}:x64 page=%{page}:x64")]


def definitions(kernel, disassembly):
    """Returns the lines that make the probes of a kernel, and the names of those that it cannot have."""
    lines, absent = [], []
    for kind, name, ways in PROBES:
        fitting = [way for way in ways if way.function in kernel.symbols
                   and (not way.needs or _has(kernel, way.needs))
                   and not (way.lacks and _has(kernel, way.lacks))]
        if fitting:
            lines.append(_define(kind, name, fitting[0].function, _filled(kernel, fitting[0].arguments)))
        else:
            absent.append(name)
    lines.append(_limits(kernel))
    lines += [_define("p", *place) for place in BY_HAND.get(kernel.release, ())]
    return lines + _inner_places(kernel, disassembly), absent
