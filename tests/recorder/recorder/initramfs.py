# SPDX-License-Identifier: MIT
"""The guest's file system: busybox, the guest program, the modules it needs, and a script that starts all."""

import gzip
import stat

from recorder.package import LATER_MODULES, MODULES

FOLDERS = ("bin", "proc", "sys", "dev", "t", "d", "r", "m")
COMMANDS = ("sh", "mount", "cat", "echo", "sleep", "ls", "insmod", "mkdir", "dd", "sync")


def _entry(name, mode, content, number):
    """One file of a cpio archive in the format that the kernel reads ("newc")."""
    path = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
    return head + b"\0" * (-len(head) % 4) + content + b"\0" * (-len(content) % 4)


def archive(entries):
    """Returns a cpio archive of (name, mode, content)."""
    parts = [_entry(*entry, number) for number, entry in enumerate(entries, 1)]
    parts.append(_entry("TRAILER!!!", 0, b"", 0))
    return b"".join(parts)


def init_script(modules):
    """Returns what the kernel runs first."""
    lines = ["#!/bin/sh", "mount -t proc proc /proc", "mount -t sysfs sys /sys", "mount -t devtmpfs dev /dev",
             "mount -t tracefs trace /sys/kernel/tracing", "mount -t tmpfs tmp /t"]
    lines += [f"insmod /m/{name}.ko" for name in modules]
    return "\n".join([*lines, "exec /guest"]) + "\n"


def write(path, package, busybox, guest):
    """Writes the file system for a kernel package. `busybox` must be statically linked."""
    needed, later = package.modules(MODULES), package.modules(LATER_MODULES)
    entries = [(folder, stat.S_IFDIR | 0o755, b"") for folder in FOLDERS]
    entries.append(("bin/busybox", stat.S_IFREG | 0o755, busybox.read_bytes()))
    entries += [(f"bin/{command}", stat.S_IFLNK | 0o777, b"busybox") for command in COMMANDS]
    entries += [(f"m/{name}.ko", stat.S_IFREG | 0o644, content) for name, content in needed + later]
    entries.append(("guest", stat.S_IFREG | 0o755, guest.read_bytes()))
    script = init_script([name for name, _ in needed]).encode()
    entries.append(("init", stat.S_IFREG | 0o755, script))
    path.write_bytes(gzip.compress(archive(entries), compresslevel=1))
