"""HTML of an e-mail as mail programs show it: styles in attributes, and nothing that acts.

An organisation's own HTML is cleaned, and gets a document of ours around it. The built-in
templates are ours, with every value escaped: their layout stays as it is.
"""

import re
from html import escape

import css_inline
import nh3

# Tags and attributes by which e-mails are laid out, beyond what nh3 allows.
_TAGS = nh3.ALLOWED_TAGS | {"center", "font"}
_EVERYWHERE = {
    "align", "bgcolor", "border", "cellpadding", "cellspacing", "dir", "height", "lang", "role",
    "style", "title", "valign", "width",
}  # fmt: skip
_ATTRIBUTES = {
    **{tag: set(names) - {"rel"} for tag, names in nh3.ALLOWED_ATTRIBUTES.items()},
    "*": _EVERYWHERE,
    "font": {"color", "face", "size"},
}
# Nothing that lays itself over other parts, and nothing that loads.
_STYLES = {
    "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left",
    "border-radius", "border-right", "border-spacing", "border-style", "border-top", "border-width",
    "color", "direction", "display", "font", "font-family", "font-size", "font-style",
    "font-weight", "height", "letter-spacing", "line-height", "list-style-type", "margin",
    "margin-bottom", "margin-left", "margin-right", "margin-top", "max-width", "min-width",
    "padding", "padding-bottom", "padding-left", "padding-right", "padding-top", "text-align",
    "text-decoration", "text-transform", "vertical-align", "white-space", "width", "word-break",
}  # fmt: skip
_SCHEMES = {"http", "https", "mailto", "tel", "sms", "cid"}
# Never over the network: a style sheet's address comes from whoever wrote the e-mail.
_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False)
_KEEPING = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    filter_style_properties=_STYLES,
    url_schemes=_SCHEMES,
    url_relative="deny",
    link_rel=None,
)
_BODY_END = re.compile(r"(?i)</body\s*>")


def clean_document(html: str, *, title: str, language: str = "en") -> str:
    """An organisation's HTML as a whole document, with its styles inlined and made harmless.

    Scripts, forms, frames, event handlers, comments, remote style sheets and ``javascript:`` links
    are left out; tables, images, colours and links stay.

    Args:
        html: a document or a part of one.
        title: plain text; what a browser would show for the e-mail.
        language: of the text (BCP 47).
    """
    body = _CLEANER.clean(_inlined(_INLINER, html))
    return (
        f'<!DOCTYPE html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title></head><body>{body}</body></html>"
    )


def inline_trusted(html: str) -> str:
    """HTML of ours with its styles inlined; rules for small screens stay where they are."""
    return _inlined(_KEEPING, html)


def with_line(html: str, line: str) -> str:
    """A document with one more paragraph of HTML at its end."""
    paragraph = f'<p style="color: #666666; font-size: 12px">{line}</p>'
    ends = list(_BODY_END.finditer(html))
    if not ends:
        return html + paragraph
    at = ends[-1].start()
    return html[:at] + paragraph + html[at:]


def _inlined(inliner: css_inline.CSSInliner, html: str) -> str:
    try:
        return inliner.inline(html)
    except ValueError:
        # Styles that cannot be read style nothing; the text is what matters.
        return html
