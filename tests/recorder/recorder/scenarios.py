# SPDX-License-Identifier: MIT
"""What a machine does between T0 and T1. A further scenario is a further function, with its hardware above it.

/t and /r are kept in memory, /d is the disk.
"""

import dataclasses
import time
from typing import Callable

from recorder.machine import MIB, Hardware

FOR_EVER = 100000
HUGE_1G = "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A story, the machine that it needs, and the clock of its trace ("counter" orders events of all CPUs)."""
    play: Callable
    hardware: Hardware
    clock: str

    @property
    def about(self):
        return self.play.__doc__.strip().splitlines()[0]


SCENARIOS = {}


def _scenario(clock="mono", **hardware):
    def add(play):
        SCENARIOS[play.__name__.replace("_", "-")] = Scenario(play, Hardware(**hardware), clock)
        return play
    return add


@_scenario()
def idle(recording, _):
    """Every memory block goes offline and comes back, and nothing else happens."""
    recording.begin()
    recording.offline_and_online(recording.blocks())


@_scenario(has_disk=True)
def page_cache(recording, seed):
    """Files are written, read and deleted, and memory blocks with their pages go offline."""
    recording.mount()
    recording.run(f"cache /d/before.bin 64 {seed}")
    recording.run(f"files /d/before 600 20000 20 {seed}")
    recording.begin()
    recording.run(f"cache /d/a.bin 32 {seed + 1}")
    recording.run(f"cache /t/b.bin 16 {seed + 2}")
    recording.run(f"cache /r/c.bin 16 {seed + 3}")
    recording.shell("sync")
    recording.run("read /d/before.bin")
    recording.run(f"files /d/q 400 30000 30 {seed + 4}")
    recording.offline_and_online(recording.blocks()[2:-1])
    recording.shell("rm /d/a.bin /t/b.bin")


@_scenario()
def fragments(recording, seed):
    """Programs' memory of which every third page stays, and others that come and go."""
    holder = recording.start(f"hold 300 3 {FOR_EVER}", settle=11)
    recording.run(f"anon 10 1 {seed}")
    recording.begin()
    recording.run(f"anon 10 2 {seed + 1}")
    recording.offline_and_online(recording.blocks()[2:-1][-2:])
    recording.run(f"anon 10 1 {seed + 2}")
    recording.kill(holder)


@_scenario(has_disk=True)
def slab(recording, seed):
    """Kernel memory stands in the way of memory blocks, before and after caches are dropped."""
    recording.mount()
    recording.begin()
    recording.run(f"files /t/s 2500 0 10 {seed}")
    recording.run(f"files /d/s 800 3000 25 {seed + 1}")
    recording.run(f"slab 2500 {seed + 2}")
    recording.offline_and_online(recording.blocks()[1:])
    recording.set("/proc/sys/vm/drop_caches", "3", "drop_caches 3")
    recording.run(f"files /r/s 800 6000 40 {seed + 3}")
    recording.offline_and_online(recording.blocks()[1:])


@_scenario(clock="counter", cpus=2, has_disk=True)
def mixed(recording, seed):
    """A bit of everything on every CPU, while memory blocks go offline."""
    cpus = recording.machine.hardware.cpus
    recording.mount()
    recording.run(f"mix 28 128 /t/m {seed}")
    recording.begin()
    workers = [recording.start(f"on {number % cpus} mix 56 128 /{folder}/x{number} {seed + number + 1}")
               for number, folder in enumerate("td")]
    time.sleep(1.0)
    blocks = recording.blocks()[1:-1]
    recording.offline_and_online(blocks[-2:])
    for worker in workers:
        recording.wait(worker)
    recording.offline_and_online(blocks)


@_scenario(memory=512, can_grow=True)
def hotplug(recording, seed):
    """Memory is plugged in, half of it as a movable zone, used, and taken offline again."""
    recording.machine.write("/sys/devices/system/memory/auto_online_blocks", "offline")
    first = [recording.plug(256, "dimm")[0] for _ in range(2)]
    how = {block + part: f"online_{kind}" for block, kind in zip(first, ("kernel", "movable")) for part in range(2)}
    for block, state in how.items():
        recording.online(block, state)
    holder = recording.start(f"hold 80 2 {FOR_EVER}", settle=6)
    recording.run(f"files /t/s 800 4000 10 {seed}")
    recording.begin()
    recording.run(f"anon 12 2 {seed}")
    recording.run(f"slab 600 {seed}")
    for block in sorted(how, reverse=True):
        recording.offline_and_online([block], how[block])
    recording.run(f"anon 12 1 {seed + 1}")
    recording.kill(holder)
    for block in sorted(how)[::2]:
        recording.offline_and_online([block], how[block])


@_scenario(memory=384, has_disk=True)
def pressure(recording, seed):
    """More is wanted than there is: reclaim, compaction, memory of other types."""
    memory = recording.machine.hardware.memory
    recording.mount()
    recording.run(f"cache /d/before.bin {memory // 3} {seed}")
    holder = recording.start(f"hold {memory // 3} 2 {FOR_EVER}", settle=5)
    recording.begin()
    recording.run(f"cache /d/a.bin {memory // 4} {seed + 1}")
    recording.run(f"anon {memory // 10} 1 {seed + 2}")
    recording.run(f"mix 20 {memory // 8} /d/mm {seed + 3}")
    recording.offline_and_online(recording.blocks()[1:-1])
    recording.kill(holder)


@_scenario(memory=384, has_disk=True)
def urgent(recording, seed):
    """Atomic requests of orders 3 and 4, for large pings to itself, while memory is short."""
    recording.mount()
    recording.machine.command("shell /bin/busybox ifconfig lo 127.0.0.1 up")
    recording.run(f"cache /d/before.bin 96 {seed}")
    holder = recording.start(f"hold 165 1 {FOR_EVER}", settle=6)
    recording.begin()
    for number, size in enumerate((60000, 30000)):
        recording.shell(f"/bin/busybox ping -q -A -c 70 -s {size} 127.0.0.1 >/dev/null &"
                        f" /guest cache /d/a{number}.bin 34 {seed + number + 1}; wait")
    recording.shell("rm /d/a0.bin")
    recording.kill(holder)


@_scenario(huge_pages="always")
def huge_pages(recording, seed):
    """Transparent huge pages come and go, whole and in parts."""
    holder = recording.start(f"hold 300 1 {FOR_EVER}", settle=6)
    recording.run(f"huge 64 1 {seed}")
    recording.begin()
    recording.run(f"huge 96 3 {seed + 1}")
    recording.run(f"anon 16 2 {seed + 2}")
    recording.offline_and_online(recording.blocks()[1:-1])
    recording.run(f"huge 48 1 {seed + 3}")
    recording.kill(holder)


def _gigantic_pages(recording, count):
    result = recording.machine.write(HUGE_1G, str(count))
    now = int(recording.machine.read(HUGE_1G))
    recording.note(f"write {count} to nr_hugepages 1G: now {now}", result)


@_scenario(memory=3072, command_line="hugepagesz=1G hugepages=0")
def contiguous(recording, seed):
    """A page of 1 GiB is asked for: one contiguous range."""
    holder = recording.start(f"hold 128 1 {FOR_EVER}", settle=6)
    recording.begin()
    _gigantic_pages(recording, 1)
    recording.run(f"anon 8 1 {seed}")
    recording.kill(holder)


@_scenario(memory=2560, command_line="hugepagesz=1G hugepages=0")
def contiguous_pinned(recording, seed):
    """The same beside pages that cannot move, then without them; and the page is given back."""
    holder = recording.start(f"hold 96 1 {FOR_EVER}", settle=12)
    pinned = recording.start(f"pin 1 {FOR_EVER}", settle=1)
    recording.begin()
    _gigantic_pages(recording, 1)
    recording.kill(pinned)
    _gigantic_pages(recording, 1)
    _gigantic_pages(recording, 0)
    recording.run(f"anon 8 1 {seed}")
    recording.kill(holder)


@_scenario(memory=2304, has_disk=True, command_line="hugetlb_cma=1G hugepagesz=1G hugepages=0")
def cma(recording, seed):
    """Movable memory lives in an area for contiguous ranges, until a page of 1 GiB is taken from it."""
    recording.mount()
    holder = recording.start(f"hold 150 1 {FOR_EVER}", settle=9)
    recording.begin()
    recording.run(f"cache /t/c.bin 16 {seed}")
    recording.run(f"anon 8 1 {seed + 1}")
    _gigantic_pages(recording, 1)
    _gigantic_pages(recording, 0)
    recording.run(f"anon 8 1 {seed + 2}")
    recording.run(f"files /r/q 200 20000 20 {seed + 3}")
    recording.kill(holder)


@_scenario(memory=768, can_grow=True)
def virtio_mem(recording, seed):
    """A host takes memory and gives it back in pieces, through virtio-mem."""
    size = 384
    recording.machine.command("shell insmod /m/virtio_mem.ko")
    recording.machine.write("/sys/devices/system/memory/auto_online_blocks", "online_movable")
    _, device = recording.plug(size, "virtio-mem", **{"requested-size": size * MIB, "block-size": 2 * MIB})
    holder = recording.start(f"hold 150 2 {FOR_EVER}", settle=9)
    recording.begin()
    recording.run(f"anon 8 1 {seed}")
    path = f"/machine/peripheral/{device}"
    for wanted in (size - 64, size - 190, size - 100, size // 2, size):
        recording.mark(f"virtio-mem requested {wanted} MiB")
        recording.machine.qmp("qom-set", path=path, property="requested-size", value=wanted * MIB)
        time.sleep(6)
        now = recording.machine.qmp("qom-get", path=path, property="size") // MIB
        recording.note(f"virtio-mem requested {wanted} MiB: now {now} MiB")
    recording.run(f"anon 8 1 {seed + 1}")
    recording.kill(holder)
