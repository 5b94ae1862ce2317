"""Changes as one page of HTML that needs nothing else: no network, and no JavaScript to be read."""
