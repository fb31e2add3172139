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


def _lz4_block(block):
    """Unpacks one block: pieces of literal bytes, each followed by a copy of what has come before."""
    out = bytearray()
    at = 0

    def length(nibble):
        nonlocal at
        total, byte = nibble, 255 if nibble == 15 else 0
        while byte == 255:
            byte = block[at]
            at += 1
            total += byte
        return total

    while at < len(block):
        token = block[at]
        at += 1
        literal = length(token >> 4)
        out += block[at:at + literal]
        at += literal
        if at >= len(block):
            break
        distance = block[at] | block[at + 1] << 8
        at += 2
        count = length(token & 15) + 4
        start = len(out) - distance
        if distance == 0 or start < 0:
            raise ElfError("the kernel's compression is damaged")
        while count != 0:  # what is copied may reach into what it makes
            part = out[start:start + count]
            out += part
            start += len(part)
            count -= len(part)
    return bytes(out)


def _unlz4(data):
    """The old format, which kernels have: a size in front of each block."""
    parts, at = [], 4
    while at + 4 <= len(data):
        size, = struct.unpack_from("<I", data, at)
        if size == 0 or at + 4 + size > len(data):
            break  # the kernel's own size, behind the last block
        parts.append(_lz4_block(data[at + 4:at + 4 + size]))
        at += 4 + size
    return b"".join(parts)


COMPRESSIONS = ((b"\x28\xb5\x2f\xfd", _unzstd), (b"\xfd7zXZ\x00", _unxz), (b"\x1f\x8b\x08", _ungzip),
                (b"\x02\x21\x4c\x18", _unlz4))


def kernel_of_image(image):
    """Returns the ELF file that a bzImage holds. Its header says where (Linux boot protocol from 2.08 on)."""
    if image[0x202:0x206] != b"HdrS":
        raise ElfError("this is no kernel image")
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (image[0x1F1] + 1) * 512 + offset
    payload = image[start:start + length]
    for magic, unpack in COMPRESSIONS:
        if payload.startswith(magic):
            try:
                kernel = unpack(payload)
            except (lzma.LZMAError, zlib.error, IndexError) as error:
                raise ElfError(f"the kernel's compression is damaged: {error}") from error
            if kernel.startswith(ELF_MAGIC):
                return kernel
            raise ElfError("what the image holds is no ELF file")
    raise ElfError(f"the kernel is compressed in a way that is not known: it begins with {payload[:4].hex()}")


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
