# SPDX-License-Identifier: MIT
"""A Debian kernel package: fetched with apt, unpacked, its kernel and modules found."""

import lzma
import pathlib
import subprocess

from recorder import elf

# What a guest needs to be talked to, and for its disk; those built into the kernel are not there.
MODULES = ("virtio/virtio_ring", "virtio/virtio", "virtio/virtio_pci_modern_dev", "virtio/virtio_pci_legacy_dev",
           "virtio/virtio_pci", "char/virtio_console", "block/virtio_blk")
# Loaded by the scenario that wants it.
LATER_MODULES = ("virtio/virtio_mem",)


class PackageError(Exception):
    """A package cannot be had, or is none of a kernel."""


def _one(folder, patterns, what):
    found = sorted(path for pattern in patterns for path in folder.glob(pattern))
    if not found:
        raise PackageError(f"{folder} has no {what}: is a package missing? Name each with --kernel")
    return found[0]


def _fetch(package, folder):
    """Returns the package's file: the one named, or one that apt downloads from where it is configured to."""
    if package.endswith(".deb"):
        path = pathlib.Path(package)
        if not path.is_file():
            raise PackageError(f"{package}: there is no such file")
        return path.resolve()
    subprocess.run(["apt-get", "download", package], cwd=folder, check=True)
    return _one(folder, [f"{package}_*.deb"], f"{package}_*.deb after the download")


class Package:
    """Kernel, modules and types of one or more packages that belong together."""

    def __init__(self, names, cache):
        """Takes package names or .deb files; `cache` keeps what is made of them for the next recording."""
        title = "+".join(pathlib.Path(name).name.removesuffix(".deb") for name in names)
        self.folder = cache / title
        self._root = self.folder / "root"
        if not self._root.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            unpacked = self.folder / "root.part"
            for name in names:
                subprocess.run(["dpkg-deb", "-x", str(_fetch(name, self.folder)), str(unpacked)], check=True)
            unpacked.rename(self._root)
        self.image = _one(self._root, ["boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz", "lib/modules/*/vmlinuz"],
                          "kernel image")
        self._modules = _one(self._root, ["usr/lib/modules/*/kernel", "lib/modules/*/kernel"], "modules")
        self.release = self._modules.parent.name
        self.kallsyms = self.folder / "kallsyms"

    def vmlinux(self):
        """Returns the kernel's ELF file, which has its types."""
        path = self.folder / "vmlinux"
        if not path.exists():
            path.write_bytes(elf.kernel_of_image(self.image.read_bytes()))
        return path

    def modules(self, wanted):
        """Returns name and content of those modules that are no part of the kernel itself."""
        found = []
        for module in wanted:
            name = pathlib.Path(module).name
            plain = self._modules / "drivers" / f"{module}.ko"
            if plain.exists():
                found.append((name, plain.read_bytes()))
            elif plain.with_suffix(".ko.xz").exists():
                found.append((name, lzma.decompress(plain.with_suffix(".ko.xz").read_bytes())))
        return found
