# SPDX-License-Identifier: MIT
"""An emulated PC with one kernel: QEMU without KVM, its memory in files that can be read from outside."""

import dataclasses
import json
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import time

# Addresses that are the same at each start, and as little as possible that happens by itself. Whether the timer works is
# not asked: on a busy host it seems not to.
COMMAND_LINE = ("console=ttyS0 nokaslr preempt=none mitigations=off quiet loglevel=4 panic=-1 nmi_watchdog=0"
                " cgroup_disable=memory random.trust_cpu=on no_timer_check")
CPU = "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+erms,+rdrand,+pdpe1gb"
CONNECT_TRIES = 200
BOOT_SECONDS = 600
IDLE_TRIES = 400
DRIVERS = {"dimm": "pc-dimm", "virtio-mem": "virtio-mem-pci"}  # of memory that is plugged in
MIB = 1 << 20


class MachineError(Exception):
    """The machine does not do as it is told."""


@dataclasses.dataclass(frozen=True)
class Hardware:
    """What a machine is made of; sizes in MiB."""
    memory: int = 1024
    cpus: int = 1
    has_disk: bool = False
    can_grow: bool = False  # memory can be plugged in later
    huge_pages: str = "never"
    command_line: str = ""


class Machine:
    """A running machine, and the agent in it (guest.c). Use it in a with statement."""

    def __init__(self, image, initrd, hardware):
        self.hardware = hardware
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="recorder-"))
        # In memory where that is possible: the guest's pages would be written to a disk otherwise.
        shared = pathlib.Path("/dev/shm")
        self._memory_folder = pathlib.Path(tempfile.mkdtemp(prefix="recorder-", dir=shared if shared.is_dir() else None))
        self.memory_files = []  # (physical address, bytes, path)
        self._process = None
        try:
            self._start(image, initrd)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _memory_file(self):
        return self._memory_folder / f"memory{len(self.memory_files)}"

    def _disk(self):
        """Makes an empty ext4 disk. A journal would hold pages that then cannot leave their memory block."""
        path = self._folder / "disk"
        with path.open("wb") as disk:
            disk.truncate(512 * MIB)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", str(path)], check=True)
        return path

    def _arguments(self, image, initrd):
        hardware, folder = self.hardware, self._folder
        memory = self._memory_file()
        self.memory_files.append((0, hardware.memory * MIB, memory))
        command_line = f"{COMMAND_LINE} transparent_hugepage={hardware.huge_pages} {hardware.command_line}".strip()
        arguments = [
            "qemu-system-x86_64", "-accel", "tcg,thread=multi,tb-size=256", "-machine", "pc,memory-backend=ram0",
            "-cpu", CPU, "-smp", str(hardware.cpus),
            "-object", f"memory-backend-file,id=ram0,size={hardware.memory}M,share=on,mem-path={memory}",
            "-m", f"{hardware.memory}M" + (",slots=8,maxmem=8G" if hardware.can_grow else ""),
            "-kernel", str(image), "-initrd", str(initrd), "-append", command_line,
            "-display", "none", "-nodefaults", "-no-reboot", "-rtc", "clock=vm",
            "-serial", f"file:{folder}/console", "-qmp", f"unix:{folder}/qmp,server=on,wait=off",
            "-device", "virtio-serial-pci"]
        for number, name in enumerate(("control", "data"), 1):
            arguments += ["-chardev", f"socket,id={name},path={folder}/{name},server=on,wait=off",
                          "-device", f"virtserialport,chardev={name},nr={number},name={name}"]
        if hardware.has_disk:
            arguments += ["-drive", f"file={self._disk()},format=raw,if=none,id=disk,cache=unsafe",
                          "-device", "virtio-blk-pci,drive=disk"]
        return arguments

    def _start(self, image, initrd):
        with (self._folder / "qemu").open("wb") as log:
            self._process = subprocess.Popen(self._arguments(image, initrd), stdout=log, stderr=subprocess.STDOUT)
        self._qmp = self._connect("qmp").makefile("rw")
        self._qmp.readline()  # its greeting
        self.qmp("qmp_capabilities")
        self._control = self._connect("control")
        self._answers = self._control.makefile("rb")
        self._data = self._connect("data").makefile("rb", buffering=MIB)
        self._control.settimeout(BOOT_SECONDS)
        try:
            greeting = self._answers.readline()
        except TimeoutError:
            greeting = b""
        self._control.settimeout(None)
        if greeting != b"ready\n":
            raise MachineError(f"the guest does not come up; its console:\n{self._text('console')[-2000:]}")

    def _text(self, name):
        path = self._folder / name
        return path.read_text(errors="replace") if path.exists() else ""

    def _connect(self, name):
        for _ in range(CONNECT_TRIES):
            if self._process.poll() is not None:
                break
            channel = socket.socket(socket.AF_UNIX)
            try:
                channel.connect(str(self._folder / name))
                return channel
            except OSError:
                channel.close()
                time.sleep(0.05)
        raise MachineError(f"QEMU does not start:\n{self._text('qemu')}")

    # QEMU.

    def qmp(self, command, **arguments):
        """Gives QEMU a command, and returns what it answers."""
        self._qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._qmp.flush()
        while True:
            answer = json.loads(self._qmp.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise MachineError(f"{command}: {answer['error']}")

    def plug(self, mib, kind, **properties):
        """Plugs memory in, of a kind of DRIVERS. Returns its physical address and its device."""
        path = self._memory_file()
        name = f"plugged{len(self.memory_files)}"
        self.qmp("object-add", **{"qom-type": "memory-backend-file", "id": f"{name}-memory", "size": mib * MIB,
                                  "share": True, "mem-path": str(path)})
        self.qmp("device_add", driver=DRIVERS[kind], id=name, memdev=f"{name}-memory", **properties)
        device = next(one["data"] for one in self.qmp("query-memory-devices") if one["data"]["id"] == name)
        address = device.get("addr", device.get("memaddr"))
        self.memory_files.append((address, mib * MIB, path))
        return address, name

    def _is_idle(self):
        registers = self.qmp("human-monitor-command", **{"command-line": "info registers -a"})
        return registers.count("HLT=1") == self.hardware.cpus

    def stop(self):
        """Stops the machine at a moment at which every CPU is idle."""
        for attempt in range(IDLE_TRIES):
            self.qmp("stop")
            if self._is_idle():
                return
            self.qmp("cont")
            time.sleep(0.01 + 0.005 * (attempt % 7))
        raise MachineError("the CPUs are never idle together")

    def go_on(self):
        self.qmp("cont")

    def close(self):
        """Ends the machine, and removes its files."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.rmtree(self._memory_folder, ignore_errors=True)

    # The agent.

    def _answer(self):
        line = self._answers.readline().split()
        if len(line) != 2:
            raise MachineError(f"the guest is gone; its console:\n{self._text('console')[-2000:]}")
        return int(line[1])

    def command(self, text):
        """Gives the agent a command, and returns its result."""
        self._control.sendall(text.encode() + b"\n")
        return self._answer()

    def write(self, path, text=""):
        """Empties a file of the guest and writes to it. Returns 0 or -errno."""
        return self.command(f"write {path} {text}")

    def append(self, path, text):
        return self.command(f"append {path} {text}")

    def read(self, path):
        """Returns a file of the guest; nothing if it cannot be read."""
        self._control.sendall(f"read {path}\n".encode())
        parts = []
        while True:
            length, = struct.unpack("<I", self._data.read(4))
            if length == 0:
                break
            parts.append(self._data.read(length))
        return b"".join(parts) if self._answer() == 0 else None

    def output(self, shell):
        """Returns what a command of the guest's shell prints."""
        self.command(f"shell ({shell}) > /t/output 2>&1")
        return (self.read("/t/output") or b"").decode(errors="replace")
