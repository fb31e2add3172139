# SPDX-License-Identifier: MIT
"""The kernel's ELF file: out of its compressed image, and sections of it."""

import lzma
import shutil
import struct
import subprocess
import zlib

ELF_MAGIC = b"\x7fELF"


class ElfError(Exception):
    """A file is not what it should be."""


def _unxz(data):
    return lzma.LZMADecompressor(lzma.FORMAT_AUTO).decompress(data)


def _ungzip(data):
    return zlib.decompressobj(wbits=31).decompress(data)


def _unzstd(data):
    # Not in the standard library. What follows the frame makes it fail, after all has been written.
    program = shutil.which("zstd")
    if program is None:
        raise ElfError("the kernel is compressed with zstd, and there is no program of that name")
    return subprocess.run([program, "-dc"], input=data, capture_output=True, check=False).stdout


COMPRESSIONS = ((b"\x28\xb5\x2f\xfd", _unzstd), (b"\xfd7zXZ\x00", _unxz), (b"\x1f\x8b\x08", _ungzip))


def kernel_of_image(image):
    """Returns the ELF file that a bzImage holds, which begins to unpack it somewhere."""
    for magic, unpack in COMPRESSIONS:
        at = image.find(magic)
        while at >= 0:
            try:
                kernel = unpack(image[at:])
            except (lzma.LZMAError, zlib.error):
                kernel = b""
            if kernel.startswith(ELF_MAGIC):
                return kernel
            at = image.find(magic, at + 1)
    raise ElfError("the image holds no kernel that is compressed with zstd, xz or gzip")


def section(kernel, wanted):
    """Returns the bytes of a section of a 64-bit little-endian ELF file."""
    if not kernel.startswith(ELF_MAGIC + b"\x02\x01"):
        raise ElfError("this is no 64-bit little-endian ELF file")
    table, = struct.unpack_from("<Q", kernel, 40)
    size, count, names = struct.unpack_from("<HHH", kernel, 58)

    def header(number):
        fields = struct.unpack_from("<IIQQQQ", kernel, table + number * size)
        return fields[0], fields[4], fields[5]

    names_at = header(names)[1]
    for number in range(count):
        name, offset, length = header(number)
        end = kernel.index(b"\0", names_at + name)
        if kernel[names_at + name:end].decode() == wanted:
            return kernel[offset:offset + length]
    raise ElfError(f"there is no section {wanted}")
