"""Changes as one page of HTML that needs nothing else: no network, and no JavaScript to be read."""

from git_theta.report.html.page import page
from git_theta.report.html.write_html import write

__all__ = ["page", "write"]
