"""Arrays with an element for each chunk of a dataset, in C order: of a fixed size, or extensible."""

from __future__ import annotations

from collections.abc import Iterator

from git_theta.errors import FormatError
from git_theta.formats.hdf5.metadata import Fields, Metadata

#: Bits of an extensible array's size.
_MAX_BITS = 63


def fixed_elements(file: Metadata, position: int) -> Iterator[tuple[int, Fields]]:
    """Number and fields of each element of an array of a fixed size.

    Args:
        file: The file.
        position: Position of the array's header.

    Raises:
        FormatError: The array is damaged.
    """
    head = file.block(position, 12 + file.offset_size + file.length_size, b"FAHD")
    head.take(2)
    size, page_bits, count = head.number(1), head.number(1), head.length()
    block = head.address()
    _check_size(file, size)
    if block is not None:
        marks = _marks(count, page_bits)
        total = 6 + file.offset_size + marks
        data = file.block(block, total + _paged_size(count, size, page_bits), b"FADB")
        data.take(2 + file.offset_size)
        yield from _elements(file, data, count, size, page_bits, data.take(marks))


def extensible_elements(file: Metadata, position: int) -> Iterator[tuple[int, Fields]]:
    """Number and fields of each element of an array that can grow.

    Its first elements are in an index block; others in data blocks of growing sizes, whose addresses are in
    the index block, or in super blocks.

    Args:
        file: The file.
        position: Position of the array's header.

    Raises:
        FormatError: The array is damaged.
    """
    head = file.block(position, 16 + 6 * file.length_size + file.offset_size, b"EAHD")
    head.take(2)
    size, bits, inline, least, pointers, page_bits = (head.number(1) for _ in range(6))
    head.take(6 * file.length_size)
    block = head.address()
    _check_size(file, size)
    if block is None:
        return
    if bits > _MAX_BITS or not least or least & least - 1 or not pointers or pointers & pointers - 1:
        raise FormatError("an array of chunks makes no sense")
    groups = 1 + bits - (least.bit_length() - 1)
    own_groups = 2 * (pointers.bit_length() - 1)
    own_blocks = 2 * (pointers - 1)
    others = max(groups - own_groups, 0)
    total = 10 + file.offset_size + inline * size + (own_blocks + others) * file.offset_size
    index = file.block(block, total, b"EAIB")
    index.take(2 + file.offset_size)
    for number in range(inline):
        yield number, file.fields(index.take(size))
    start = inline
    for group in range(groups):
        blocks, count = 1 << group // 2, least << (group + 1) // 2
        marks = memoryview(b"")
        if group < own_groups:
            addresses = index
        else:
            place = index.address()
            if place is None:
                start += blocks * count
                continue
            addresses, marks = _super_block(file, place, bits, blocks, _marks(count, page_bits))
        for number in range(blocks):
            address = addresses.address()
            if address is not None:
                data = _data_block(file, address, bits, _paged_size(count, size, page_bits))
                first = number * _pages(count, page_bits)
                for at, element in _elements(file, data, count, size, page_bits, marks, first):
                    yield start + at, element
            start += count


def _check_size(file: Metadata, size: int) -> None:
    """Check that elements have room for an address: an array of empty ones may have any number.

    Raises:
        FormatError: They haven't.
    """
    if size < file.offset_size:
        raise FormatError("an array of chunks has elements without an address")


def _super_block(
    file: Metadata, position: int, bits: int, blocks: int, marks: int
) -> tuple[Fields, memoryview]:
    """The addresses of data blocks, and the marks of their pages that were written."""
    total = 10 + file.offset_size + (bits + 7) // 8 + blocks * (marks + file.offset_size)
    block = file.block(position, total, b"EASB")
    block.take(2 + file.offset_size + (bits + 7) // 8)
    found = block.take(blocks * marks)
    return block, found


def _data_block(file: Metadata, position: int, bits: int, content: int) -> Fields:
    head = 2 + file.offset_size + (bits + 7) // 8
    block = file.block(position, 4 + head + content, b"EADB")
    block.take(head)
    return block


def _marks(count: int, page_bits: int) -> int:
    """Bytes of the marks of pages; 0 if elements are in one piece."""
    return -(-_pages(count, page_bits) // 8)


def _pages(count: int, page_bits: int) -> int:
    in_page = 1 << min(page_bits, _MAX_BITS)
    return -(-count // in_page) if count > in_page else 0


def _paged_size(count: int, size: int, page_bits: int) -> int:
    """Bytes of elements, and of the checksums after all of them, or before them and after each page."""
    return count * size + 4 * (_pages(count, page_bits) + 1)


def _elements(
    file: Metadata, data: Fields, count: int, size: int, page_bits: int, written: memoryview, first: int = 0
) -> Iterator[tuple[int, Fields]]:
    """The elements that follow; those of pages that weren't written are left out.

    Args:
        file: The file.
        data: Elements, and checksums between them.
        count: Number of elements.
        size: Bytes of each.
        page_bits: Bits of the number of elements in a page.
        written: A bit for each page.
        first: Number of the first page's bit.
    """
    pages = _pages(count, page_bits)
    for number in range(count):
        page = number >> page_bits
        if pages and number == page << page_bits:
            # A checksum comes before each page, and after the last one.
            data.take(4)
        element = data.take(size)
        bit = first + page
        if not pages or written[bit // 8] & 0x80 >> bit % 8:
            yield number, file.fields(element)
