"""Single questions to Git and to the system: commands, attributes, blobs, the index, pkt-lines, terminals."""
