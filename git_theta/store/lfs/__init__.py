"""Git LFS servers as remotes: where they are, how to talk to them, and how to prove who's asking."""
