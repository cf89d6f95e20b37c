from __future__ import annotations

import pytest

from sandbox.ground.errors import StripeError
from sandbox.protocol import forms


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a=1&b=x%20y", {"a": "1", "b": "x y"}),
        ("a[b][c]=1&a[b][d]=2", {"a": {"b": {"c": "1", "d": "2"}}}),
        ("a[0]=x&a[1]=y", {"a": {"0": "x", "1": "y"}}),
        ("a[]=x&a[]=y", {"a": {"": ["x", "y"]}}),
        ("a=x&a=y", {"a": ["x", "y"]}),
        ("a[][x]=1&a[][y]=2&a[][x]=3", {"a": {"": [{"x": "1", "y": "2"}, {"x": "3"}]}}),
        ("metadata[k]=", {"metadata": {"k": ""}}),
        ("", {}),
    ],
)
def test_a_form_is_read_as_stripe_reads_it(text: str, meant: forms.Form) -> None:
    assert forms.decode(text) == meant


@pytest.mark.parametrize("text", ["a=1&a[b]=2", "a[b]=1&a=2", "a[b=1", "[a]=1"])
def test_a_form_that_contradicts_itself_is_refused(text: str) -> None:
    with pytest.raises(StripeError, match="Invalid"):
        forms.decode(text)


def test_names_may_not_go_deeper_than_anybody_could_mean() -> None:
    with pytest.raises(StripeError, match="Invalid parameter name"):
        forms.decode("address" + "[a]" * 3000 + "=b")
