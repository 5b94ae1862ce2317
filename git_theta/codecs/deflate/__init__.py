"""Deflate as zlib writes it, bit for bit: also where another library stands in for zlib.

Libraries such as zlib-ng compress faster, to other bytes. A file that has bytes of zlib's couldn't be put
together again with these.
"""
