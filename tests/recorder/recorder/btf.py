# SPDX-License-Identifier: MIT
"""BTF, the kernel's description of its own types: where fields are, and what constants are called."""

import dataclasses
import struct

MAGIC = 0xEB9F
(INT, POINTER, ARRAY, STRUCT, UNION, ENUM, FORWARD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNCTION,
 PROTOTYPE, VARIABLE, DATA_SECTION, FLOAT, DECLARATION_TAG, TYPE_TAG, ENUM64) = range(1, 20)
ALIASES = {TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG}

# What follows the twelve bytes that each type has: so many bytes, and so many for each of its members.
FIXED_BYTES = {INT: 4, ARRAY: 12, VARIABLE: 4, DECLARATION_TAG: 4}
MEMBER_BYTES = {STRUCT: 12, UNION: 12, ENUM: 8, PROTOTYPE: 8, DATA_SECTION: 12, ENUM64: 12}


class BtfError(Exception):
    """The types are not readable, or have not what is asked for."""


@dataclasses.dataclass(frozen=True)
class Member:
    """A field (type, offset in bits) or an enumerator (value)."""
    name: str
    type: int
    value: int


@dataclasses.dataclass(frozen=True)
class Type:
    """A type; `size` is another type's number where the kind has no size."""
    kind: int
    name: str
    size: int
    members: tuple = ()
    element: tuple = ()  # of an array: its type, and how many


class Btf:
    """The types of one kernel."""

    def __init__(self, data):
        magic, version, _, header, types_at, types, strings_at, strings = struct.unpack_from("<HBBIIIII", data)
        if magic != MAGIC or version != 1:
            raise BtfError("this is no BTF of version 1")
        self._strings = data[header + strings_at:header + strings_at + strings]
        self._types = [None]
        self._named = {}
        at = header + types_at
        end = at + types
        while at < end:
            at = self._read_type(data, at)

    def _string(self, offset):
        return self._strings[offset:self._strings.index(b"\0", offset)].decode()

    def _read_type(self, data, at):
        name, info, size = struct.unpack_from("<III", data, at)
        at += 12
        kind, count, has_bitfields = info >> 24 & 0x1F, info & 0xFFFF, info >> 31
        if not INT <= kind <= ENUM64:
            raise BtfError(f"type {len(self._types)} is of kind {kind}, which is not known")
        members = []
        if kind in (STRUCT, UNION):
            for field, of, offset in struct.iter_unpack("<III", data[at:at + 12 * count]):
                members.append(Member(self._string(field), of, offset & 0xFFFFFF if has_bitfields else offset))
        elif kind == ENUM:
            for enumerator, value in struct.iter_unpack("<Ii", data[at:at + 8 * count]):
                members.append(Member(self._string(enumerator), 0, value))
        element = ()
        if kind == ARRAY:
            of, _, length = struct.unpack_from("<III", data, at)
            element = (of, length)
        found = Type(kind, self._string(name), size, tuple(members), element)
        self._types.append(found)
        if found.name and kind in (STRUCT, UNION, ENUM):
            self._named.setdefault((kind == ENUM, found.name), len(self._types) - 1)
        return at + FIXED_BYTES.get(kind, 0) + MEMBER_BYTES.get(kind, 0) * count

    def _resolve(self, number):
        while self._types[number].kind in ALIASES:
            number = self._types[number].size
        return number

    def _find(self, number, field):
        """Returns offset in bytes and type of a field, also of one in a nameless struct or union."""
        for member in self._types[self._resolve(number)].members:
            if member.name == field:
                return member.value // 8, member.type
            if not member.name and self._types[self._resolve(member.type)].kind in (STRUCT, UNION):
                inside = self._find(member.type, field)
                if inside:
                    return member.value // 8 + inside[0], inside[1]
        return None

    def _number(self, name, is_enum=False):
        try:
            return self._named[is_enum, name]
        except KeyError:
            raise BtfError(f"there is no type {name}") from None

    def offset(self, struct_name, path):
        """Returns the offset in bytes of a field: offset("trace_array", "array_buffer.buffer")."""
        number, offset = self._number(struct_name), 0
        for field in path.split("."):
            found = self._find(number, field)
            if found is None:
                raise BtfError(f"{struct_name} has no {path}")
            offset, number = offset + found[0], found[1]
        return offset

    def has(self, struct_name, path):
        """Returns whether there is such a field."""
        try:
            self.offset(struct_name, path)
        except BtfError:
            return False
        return True

    def size(self, struct_name):
        """Returns the size of a struct in bytes."""
        return self._types[self._number(struct_name)].size

    def enumerators(self, name):
        """Returns an enumeration's names and values; nothing if there is none."""
        if (True, name) not in self._named:
            return {}
        return {member.name: member.value for member in self._types[self._number(name, True)].members}
