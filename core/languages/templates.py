"""Sentences within Jinja templates: `{{ _("Order {number} is paid.", number=strong(number)) }}`.

In HTML the sentence is escaped, and so is what fills it, but for what is markup by itself. Import this where a template is about
to be filled: few processes fill any.
"""

from collections.abc import Mapping

from jinja2 import Environment, pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup, escape

from core.languages import formats, sentences


def equip(environment: Environment) -> None:
    """Give templates `_` and `ngettext`, and the dates of the language that is spoken."""
    environment.globals.update(_=_said, ngettext=_counted, language=sentences.tag, formats=formats)


@pass_eval_context
def _said(context: EvalContext, sentence: str, **fields: object) -> str:
    return _filled(context, sentences._(sentence), fields)


@pass_eval_context
def _counted(context: EvalContext, one: str, many: str, number: int, **fields: object) -> str:
    return _filled(context, sentences.ngettext(one, many, number), {"number": number, **fields})


def _filled(context: EvalContext, sentence: str, fields: Mapping[str, object]) -> str:
    return (Markup(escape(sentence)) if context.autoescape else sentence).format(**fields)
