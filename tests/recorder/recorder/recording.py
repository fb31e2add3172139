# SPDX-License-Identifier: MIT
"""One recording: a folder with the kernel's exact lists at T0, a trace of all that happens, the lists at T1."""

import collections
import json
import lzma
import re
import time

from recorder import probes
from recorder.machine import MachineError
from recorder.memory import Memory
from recorder.pages import read_pages
from recorder.state import State

TRACING = "/sys/kernel/tracing"
BLOCKS = "/sys/devices/system/memory"
BLOCK_SHIFT = 27  # memory blocks of 128 MiB
BUFFER_KIB = 49152  # of each CPU's trace: nothing may be lost
OFFLINE_SECONDS = 25

EVENTS = ("kmem/mm_page_alloc", "kmem/mm_page_free", "kmem/mm_page_free_batched", "kmem/mm_page_alloc_zone_locked",
          "kmem/mm_page_pcpu_drain", "kmem/mm_page_alloc_extfrag", "page_isolation/test_pages_isolated",
          "migrate/mm_migrate_pages_start", "migrate/mm_migrate_pages", "compaction/mm_compaction_begin",
          "compaction/mm_compaction_end", "vmscan/mm_vmscan_kswapd_wake", "vmscan/mm_vmscan_kswapd_sleep",
          "vmscan/mm_vmscan_direct_reclaim_begin")
SNAPSHOT = {"kpageflags": "kpageflags", "kpagecount": "kpagecount", "pagetypeinfo.txt": "pagetypeinfo",
            "buddyinfo.txt": "buddyinfo", "zoneinfo.txt": "zoneinfo", "iomem.txt": "iomem", "vmstat.txt": "vmstat",
            "meminfo.txt": "meminfo"}
MEMORY_BLOCKS = (f"cd {BLOCKS}; echo block_size_bytes $(cat block_size_bytes); for b in memory*; do echo $b"
                 " state=$(cat $b/state) removable=$(cat $b/removable) phys_index=$(cat $b/phys_index)"
                 " valid_zones=$(cat $b/valid_zones 2>/dev/null || echo -); done")
SYSCTLS = ("min_free_kbytes", "watermark_boost_factor", "watermark_scale_factor", "compaction_proactiveness",
           "percpu_pagelist_high_fraction", "lowmem_reserve_ratio")
# An address in a kernel's version line is nobody's business here.
MAIL = re.compile(r" \([^ ()]*@[^ ()]*\)")
EVENT_OF_LINE = re.compile(rb": ([A-Za-z_0-9]+): ")


def event_counts(trace):
    """Returns how many lines of each event a trace has, and how many in all."""
    lines = [line for line in trace.splitlines() if line and not line.startswith(b"#")]
    counts = collections.Counter()
    for line in lines:
        event = EVENT_OF_LINE.search(line)
        if event:
            counts[event.group(1).decode()] += 1
    return dict(counts), len(lines)


class Recording:
    """A machine that is traced, and what a scenario can have it do. Each step is noted with its result."""

    def __init__(self, machine, kernel, disassembly, folder, clock):
        self.machine = machine
        self._kernel = kernel
        self._folder = folder
        self._began = time.monotonic()
        self.steps = []
        folder.mkdir(parents=True)
        definitions, absent = probes.definitions(kernel, disassembly)
        self._meta = {
            "dataset": folder.name,
            "kernel": MAIL.sub("", machine.output("cat /proc/version").strip()),
            "cmdline": machine.output("cat /proc/cmdline").strip(),
            "vcpus": machine.hardware.cpus,
            "memory_mib": machine.hardware.memory,
            "clock": clock,
            "probes": "full",
            "probes_absent": absent,
            "buffer_kb_per_cpu": BUFFER_KIB,
            "pc_dimms": [],
        }
        self._set_up_tracing(definitions, clock)

    def _set_up_tracing(self, definitions, clock):
        machine = self.machine
        self._must(machine.append(f"{TRACING}/trace_clock", clock), f"the trace clock {clock}")
        machine.write(f"{TRACING}/tracing_on", "0")
        self._must(machine.append(f"{TRACING}/buffer_size_kb", str(BUFFER_KIB)), "the trace buffer")
        machine.append(f"{TRACING}/saved_cmdlines_size", "1024")
        refused = [line for line in definitions if machine.append(f"{TRACING}/kprobe_events", line) != 0]
        self._meta["probes_refused"] = refused
        for event in (*EVENTS, probes.GROUP):
            self._must(machine.write(f"{TRACING}/events/{event}/enable", "1"), f"the event {event}")

    @staticmethod
    def _must(result, what):
        if result != 0:
            raise MachineError(f"{what} cannot be had: error {-result}")

    def _save(self, name, content):
        path = self._folder / f"{name}.xz"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(lzma.compress(content.encode() if isinstance(content, str) else content))

    # What every scenario does.

    def begin(self):
        """What was before, and T0."""
        self._snapshot("before")
        self.machine.write(f"{TRACING}/trace")
        self.machine.write(f"{TRACING}/tracing_on", "1")
        self._read_state("T0")

    def end(self):
        """T1, and all that the folder still lacks."""
        self._read_state("T1")
        machine, meta = self.machine, self._meta
        machine.write(f"{TRACING}/tracing_on", "0")
        trace = machine.read(f"{TRACING}/trace")
        self._save("trace.txt", trace)
        stats = [f"cpu {cpu}\n" + machine.read(f"{TRACING}/per_cpu/cpu{cpu}/stats").decode()
                 for cpu in range(machine.hardware.cpus)]
        (self._folder / "trace_stats.txt").write_text("".join(stats))
        profile = machine.read(f"{TRACING}/kprobe_profile").decode()
        (self._folder / "kprobe_profile.txt").write_text(profile)
        (self._folder / "kprobe_events.txt").write_bytes(machine.read(f"{TRACING}/kprobe_events"))
        self._snapshot("after")
        self._save("dmesg.txt", MAIL.sub("", machine.output("/bin/busybox dmesg")))
        meta["events"], meta["trace_lines"] = event_counts(trace)
        meta["steps"] = self.steps
        meta["kprobe_missed"] = [line.split()[0] for line in profile.splitlines() if line.split()[2] != "0"]
        meta["free_area"] = {"offset": self._kernel.offset("zone", "free_area"),
                             "size": self._kernel.btf.size("free_area")}
        meta["sysctl"] = {name: (machine.read(f"/proc/sys/vm/{name}") or b"").decode().strip() for name in SYSCTLS}
        meta["capture_wall_s"] = round(time.monotonic() - self._began, 1)
        (self._folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")

    def complaints(self):
        """Returns what makes the recording less than complete."""
        meta, found = self._meta, []
        for moment in ("T0", "T1"):
            if any(meta[moment]["overrun"]) or any(meta[moment]["dropped"]):
                found.append(f"events were lost by {moment}: the trace buffer is too small")
        found += [f"the kernel refused the probe: {line}" for line in meta["probes_refused"]]
        if meta["kprobe_missed"]:
            found.append(f"probes were missed: {', '.join(meta['kprobe_missed'])}")
        return found

    def _read_state(self, moment):
        self.mark(f"mark {moment}")
        time.sleep(0.15)
        self.machine.stop()
        memory = Memory.of_files(self.machine.memory_files, self._kernel.symbols)
        state = State(self._kernel, memory, self.machine.hardware.cpus)
        self._save(f"{moment}.state", state.read(moment))
        self._save(f"{moment}.pages", read_pages(self._kernel, memory, state))
        self._meta[moment] = {"trace_entries_per_cpu": [counts["entries"] for counts in state.trace_counts],
                              "overrun": [counts["overrun"] for counts in state.trace_counts],
                              "dropped": [counts["dropped_events"] for counts in state.trace_counts]}
        self.machine.go_on()

    def _snapshot(self, folder):
        for name, source in SNAPSHOT.items():
            self._save(f"{folder}/{name}", self.machine.read(f"/proc/{source}") or b"")
        self._save(f"{folder}/memory_blocks.txt", self.machine.output(MEMORY_BLOCKS))

    # Steps.

    def note(self, what, result=0):
        self.steps.append([what, result])
        return result

    def mark(self, text):
        """Writes a line into the trace."""
        self.machine.write(f"{TRACING}/trace_marker", text)

    def run(self, workload):
        """Runs a workload of guest.c, and waits for it."""
        self.mark(f"run {workload}")
        return self.note(f"run {workload}", self.machine.command(f"run {workload}"))

    def start(self, workload, settle=0.0):
        """Starts a workload, and gives it some seconds. Returns its pid."""
        self.mark(f"bg {workload}")
        pid = self.machine.command(f"start {workload}")
        self.note(f"bg {workload}")
        time.sleep(settle)
        return pid

    def kill(self, pid):
        self.mark("kill bg")
        self.note("kill bg", self.machine.command(f"kill {pid}"))

    def wait(self, pid):
        self.note("join bg", self.machine.command(f"wait {pid}"))

    def shell(self, text):
        self.mark(f"sh {text[:80]}")
        return self.note(f"sh {text}", self.machine.command(f"shell {text}"))

    def set(self, path, text, name):
        """Writes to a file of the kernel."""
        self.mark(name)
        return self.note(name, self.machine.write(path, text))

    def mount(self):
        """Mounts a file system of pages that are never written anywhere, and the disk if there is one."""
        self.machine.command("shell mount -t tmpfs r /r")
        if self.machine.hardware.has_disk:
            self._must(self.machine.command("shell mount -t ext4 /dev/vda /d"), "the disk")

    def blocks(self):
        """Returns the numbers of the memory blocks."""
        names = self.machine.output(f"ls -d {BLOCKS}/memory[0-9]*").split()
        return sorted(int(name.rsplit("memory", 1)[1]) for name in names)

    def offline(self, block, seconds=OFFLINE_SECONDS):
        self.mark(f"offline memory{block}")
        result = -self.machine.command(f"run offline {BLOCKS}/memory{block}/state {seconds}")
        self.mark(f"offline memory{block} rc {result}")
        return self.note(f"offline memory{block}", result)

    def online(self, block, how="online"):
        self.mark(f"{how} memory{block}")
        result = self.machine.write(f"{BLOCKS}/memory{block}/state", how)
        self.mark(f"{how} memory{block} rc {result}")
        return self.note(f"{how} memory{block}", result)

    def offline_and_online(self, blocks, how="online"):
        """Takes each block offline, and brings it back where that has worked."""
        for block in blocks:
            if self.offline(block) == 0:
                self.online(block, how)

    def plug(self, mib, kind, **properties):
        """Plugs memory in. Returns its first block and its device."""
        address, device = self.machine.plug(mib, kind, **properties)
        self._meta["pc_dimms"].append({"kind": kind, "gpa": hex(address), "mib": mib})
        self.note(f"plug {kind} {mib} MiB at {address:#x}")
        time.sleep(1.0)
        return address >> BLOCK_SHIFT, device
