"""A remote for URLs like `flat:///mnt/models`: a folder with a file for each object, named by its SHA-256."""

from functools import partial
from pathlib import Path
from secrets import token_hex
from urllib.parse import unquote, urlsplit

from git_theta.store.remote import TransferError
from git_theta.store.sha256 import checked_bytes


class Flat:
    """Opens the URLs of the scheme `flat`."""

    def open(self, url, context):
        return FlatRemote(url, Path(unquote(urlsplit(url).path)))


class FlatRemote:
    """An existing folder. Errors of the system can pass, as on a network share, so they are tried again."""

    batch_size = 1000

    def __init__(self, url, folder):
        self.url, self.folder = url, folder

    def uploads(self, objects):
        return {each.oid: partial(self.upload, each.oid) for each in objects if not self.has(each)}

    def downloads(self, objects):
        return {each.oid: partial(self.download, each.oid) for each in objects if self.has(each)}

    def has(self, wanted):
        path = self.folder / wanted.oid
        return wanted.fits(path.stat().st_size if path.is_file() else None)

    def upload(self, oid, file, advance):
        data, temporary = checked_bytes(file, oid), self.folder / token_hex(16)
        try:
            temporary.write_bytes(data)
            temporary.replace(self.folder / oid)
        except OSError as error:
            raise TransferError(f"{self.url}: {error.strerror}", retry=True) from error
        advance(len(data))

    def download(self, oid, file, start, advance):
        with (self.folder / oid).open("rb") as source:
            source.seek(start)
            while piece := source.read(1 << 20):
                file.write(piece)
                advance(len(piece))
