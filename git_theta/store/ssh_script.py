"""The shell script that SSH runs beside a repository on another host, and the requests that it reads.

The script reads requests, a line each, and answers each with a line. Only requests `has` are answered
together, after `end`: a line with size and name for each object that is there, and then `end`. The bytes of
an object follow a request `put`, and the answer to a request `get`.
"""

from __future__ import annotations

import re

from git_theta.store.names import object_path
from git_theta.store.remote import TransferError

#: The line with which the script begins to answer.
READY = b"git-theta 1"

#: The script: `$1` is the repository and `$2` names its temporary files. It is joined to one line, and has no
#: `'` and `!`, so that even a user whose shell is csh can run it.
#:
#: `dd` may read less than a whole block from a pipe, and `head -c` more than it should. So the number of
#: blocks is never too large, and is computed again until everything is there. Only the last calls, for less
#: than a block, sync the file to disk.
_SCRIPT = """
LC_ALL=C; export LC_ALL; unset CDPATH BLOCK_SIZE LS_BLOCK_SIZE QUOTING_STYLE; r=; all=;
for d in "$1/.git" "$1" "$1.git/.git" "$1.git"; do
  if [ -d "$d/objects" ] && [ -d "$d/refs" ] && [ -f "$d/HEAD" ]; then r=$d; break; fi;
done;
if [ -z "$r" ]; then echo "git-theta none"; exit 1; fi;
cd "$r" || exit 1;
shared=$(git config -f config core.sharedRepository 2>/dev/null);
case $shared in
  group|true|1) umask 0007;;
  all|world|everybody|2) umask 0002;;
  0[0-7]*) m=$((0666 & ~$shared)); umask $(printf "%o" $((m | (m & 0444) >> 2)));;
esac;
mask=$(umask); closed=$(printf "%o" $((0$mask | 0222)));
objects=theta/objects; t=theta/tmp/$2; sum=; sync=unknown;
if command -v sha256sum >/dev/null; then sum=sha256sum;
elif command -v shasum >/dev/null; then sum="shasum -a 256"; fi;
bad() { echo "bad $1"; exit 1; };
trap "exit 1" 1 2 13 15; trap "rm -f $t" 0;
body() {
  have=0;
  if [ "$sync" = unknown ]; then
    if dd if=/dev/null conv=fsync 2>/dev/null >&4; then sync=conv=fsync; else sync=; fi; fi;
  while [ "$have" -lt "$size" ]; do
    left=$((size - have)); blocks=$(((left - 1) / 32768));
    if [ "$blocks" -gt 0 ]; then e=$(dd bs=32768 count=$blocks 2>&1 >&4) || bad "$e";
    else e=$(dd bs=$left count=1 $sync 2>&1 >&4) || bad "$e"; fi;
    now=$(wc -c <$t); now=$((now));
    if [ "$now" -le "$have" ]; then exit 1; fi;
    have=$now;
  done;
};
echo "git-theta 1";
while read -r verb a b o size; do
  f=$objects/$a/$b/$o;
  case $verb in
  has) if [ -f $f ]; then all="$all $f"; fi;;
  end)
    if [ -n "$all" ]; then
      ls -Lln $all 2>/dev/null | while read -r x x x x n x; do echo "$n ${x##*/}"; done; fi;
    all=; echo end;;
  get)
    if [ -f $f ] && [ -r $f ]; then
      n=$(wc -c <$f); n=$((n)); echo "size $n";
      if [ "$size" -eq 0 ]; then cat $f || exit 1;
      elif [ "$size" -lt "$n" ]; then tail -c +$((size + 1)) $f || exit 1; fi;
    else echo none; fi;;
  put)
    if [ -d theta/tmp ]; then :; else e=$(mkdir -p theta/tmp 2>&1) || bad "$e"; fi;
    if [ -d $objects/$a/$b ]; then :; else e=$(mkdir -p $objects/$a/$b 2>&1) || bad "$e"; fi;
    umask $closed; body 4>$t || bad "can not write to $r/theta";
    umask $mask;
    if [ -n "$sum" ]; then
      s=$($sum <$t); if [ "${s%% *}" = "$o" ]; then :; else bad "damaged"; fi; fi;
    e=$(mv -f $t $f 2>&1) || bad "$e";
    echo ok;;
  esac;
done
"""


def request(verb: str, oid: str, number: int = 0) -> bytes:
    """A line for the script. `number` is a size in bytes for `put`, and an offset for `get`."""
    folders = object_path(oid).split("/")
    return f"{verb} {' '.join(folders[1:])} {number}\n".encode()


def remote_command(path: str) -> str:
    """The command that runs the script with a path, for any shell; text appended to it is a second argument.

    Raises:
        TransferError: The path isn't valid.
    """
    if not path or any(ord(character) < 32 for character in path):
        raise TransferError(f"{path!r} isn't a path of a repository")
    script = " ".join(line.strip() for line in _SCRIPT.strip().splitlines())
    # The host's shell expands a home folder if neither the user's name nor the slash is quoted.
    home = re.match(r"~([A-Za-z0-9_][A-Za-z0-9_.-]*)?(/|$)", path)
    start = home[0] if home else "./" if path.startswith("-") else ""
    rest = path[len(home[0]) :] if home else path
    return f"sh -c {_quote(script)} sh {start}{_quote(rest) if rest else ''}"


def _quote(text: str) -> str:
    return "'" + re.sub("['!]", lambda match: f"'\\{match[0]}'", text) + "'"
