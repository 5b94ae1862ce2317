"""One question to Git or to the system a file: commands, attributes, index entries, pkt-lines."""
