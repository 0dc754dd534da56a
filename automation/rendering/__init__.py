"""Jinja2 for reports, mails and pages: sandboxed, strict, escaped where the document is HTML."""

from __future__ import annotations

from automation.rendering.markdown import render_markdown
from automation.rendering.templates import Templates, check_source

__all__ = ["Templates", "check_source", "render_markdown"]
