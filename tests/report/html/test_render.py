"""Templates, and the library that fills them in."""

from __future__ import annotations

import json
import sys

import pytest

from git_theta.errors import UsageError
from git_theta.report.html.page import page
from git_theta.report.html.render import jinja2_module, render


def test_without_jinja2_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    for function in (jinja2_module, lambda: page([])):
        with pytest.raises(UsageError, match="needs Jinja2") as raised:
            function()
        assert raised.value.hint == "pip install 'git-theta[html]'"


def test_every_value_of_the_template_must_be_given() -> None:
    with pytest.raises(jinja2_module().UndefinedError):
        render("page.html")


def test_data_is_json_that_ends_no_element() -> None:
    text = "</script><!--&\u2028"
    page = render("lineage.html", title="", version="", summary="", rows=(), data={"a": text})
    found = page.split('id="lineage">')[1].split("</script>")[0]
    assert json.loads(found) == {"a": text}
    assert not set("<>&") & set(found)
