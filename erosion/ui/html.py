"""Small pieces of HTML. Whatever comes from a file goes through :func:`safe`, and nothing from a file is Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import streamlit as st

from erosion.core.contracts import LEVEL_COLOURS, LEVEL_SYMBOLS, LEVEL_TEXT_COLOURS
from erosion.publish.columns import LEVEL_WORDS, level_label

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1d5b79"/>'
    '<path d="M10 3 C18 10 6 20 14 29" fill="none" stroke="#d6e4ec" stroke-width="6"/>'
    '<path d="M17 3 C25 10 13 20 21 29" fill="none" stroke="#f3722c" stroke-width="3"/></svg>'
)
"""Drawn here: an icon named by word would be fetched from outside."""

STYLE = """
<style>
.block-container {padding: 1.1rem 1.4rem 2.5rem; max-width: 1500px;}
[data-testid="stHeader"] {background: transparent; height: 2.4rem;}
[data-testid="stSidebar"] {min-width: 240px; max-width: 240px;}
[data-testid="stVerticalBlock"] {gap: .7rem;}
.st-key-changes {padding: .45rem .9rem .5rem;}
h1, h2, h3 {letter-spacing: -0.01em;}
.er-app {font-size: .8rem; letter-spacing: .06em; text-transform: uppercase; color: #5b6b76; font-weight: 600;}
.er-title {font-size: 1.65rem; font-weight: 700; line-height: 1.2; margin: 0 0 .1rem; color: #17242d;}
.er-facts {display: flex; flex-wrap: wrap; gap: .2rem 1.6rem; font-size: .86rem; color: #17242d; margin: .1rem 0;}
.er-facts span b {font-weight: 400; color: #5b6b76; margin-right: .35rem;}
.er-h {font-size: 1.02rem; font-weight: 650; margin: .2rem 0 .15rem; color: #17242d;}
.er-note {font-size: .82rem; color: #5b6b76; line-height: 1.45;}
.er-ribbon {background: repeating-linear-gradient(-45deg, #17242d 0 14px, #34454f 14px 28px); color: #fff;
  padding: .5rem .9rem; border-radius: 6px; font-weight: 700; letter-spacing: .05em;}
.er-ribbon small {font-weight: 400; letter-spacing: 0; margin-left: .8rem; font-size: .86rem;}
.er-banner {border-radius: 6px; padding: .55rem .9rem; font-size: .92rem; border-left: 6px solid; line-height: 1.45;}
.er-banner b {display: block;}
.er-banner ul {margin: .2rem 0 0; padding-left: 1.1rem;}
.er-banner li {overflow-wrap: anywhere;}
.er-bad {background: #fde8e8; border-color: #c1121f; color: #5c0a10;}
.er-warn {background: #fff4dc; border-color: #e09f1f; color: #523a06;}
.er-info {background: #eaf2f6; border-color: #1d5b79; color: #133c50;}
.er-levels {display: flex; flex-wrap: wrap; gap: .35rem .5rem; margin: .1rem 0;}
.er-chip {display: inline-flex; align-items: center; gap: .4rem; font-size: .82rem; border: 1px solid #dfe5e9;
  border-radius: 6px; padding: .1rem .45rem .1rem .12rem; background: #fff; white-space: nowrap;}
.er-chip small {color: #5b6b76; font-size: .78rem;}
.er-badge {display: inline-block; border-radius: 5px; padding: .12rem .55rem; font-weight: 650; font-size: .86rem;
  white-space: nowrap; border: 1px solid rgba(0,0,0,.14);}
.er-big {font-size: 1.05rem; padding: .2rem .75rem;}
.er-key {display: inline-flex; align-items: center; gap: .4rem; font-size: .8rem; color: #445560; margin-right: 1rem;}
.er-key i {display: inline-block; width: 22px; height: 12px; border-radius: 3px;}
.er-changes {display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: .92rem; align-items: baseline;}
.er-up {color: #a30f1a; font-weight: 650;} .er-down {color: #1d5b79; font-weight: 650;} .er-grey {color: #5b6b76;}
.er-grid {display: grid; grid-template-columns: repeat(auto-fit, minmax(108px, 1fr)); gap: .55rem .9rem; margin: .35rem 0;}
.er-grid div b {display: block; font-weight: 400; font-size: .76rem; color: #5b6b76; line-height: 1.25;}
.er-grid div span {font-size: .98rem; font-weight: 600; color: #17242d;}
.er-grid .er-wide {grid-column: 1 / -1;}
.er-grid .er-wide span {font-size: 1.5rem; font-weight: 700;}
.er-grid div:last-child {grid-column: auto / span 2; white-space: nowrap;}
.er-rows {font-size: .88rem; color: #17242d;}
.er-rows div {display: flex; justify-content: space-between; gap: 1rem; padding: .16rem 0; border-bottom: 1px solid #eef2f4;}
.er-rows span {color: #445560; overflow-wrap: anywhere;} .er-rows b {font-weight: 600; text-align: right;}
.er-rows .er-old b {color: #a30f1a;}
.er-why {margin: .1rem 0 .2rem !important; padding-left: 1.15rem; font-size: .95rem; line-height: 1.5;}
.er-why li {margin-bottom: .15rem;}
.er-gaps {margin: .1rem 0 .2rem !important; padding-left: 1.15rem; font-size: .85rem; line-height: 1.45; color: #445560;}
.er-place {margin-bottom: .3rem; font-size: 1.12rem; font-weight: 700; color: #17242d;}
.er-place {overflow-wrap: anywhere;}
.er-place small {display: block; font-size: .78rem; font-weight: 400; color: #5b6b76; overflow-wrap: anywhere;}
[data-testid="stButtonGroup"] > div {flex-wrap: wrap;}
[data-testid="stPopoverBody"]:has([data-testid="stDataFrame"]) {min-width: min(760px, 94vw);}
@media (min-width: 900px) {
  [data-testid="stColumn"]:has([data-testid="stDeckGlJsonChart"]) {position: sticky; top: .5rem; align-self: flex-start;}
}
@media (max-width: 640px) {
  .block-container {padding: 2.6rem .8rem 2rem;}
  .er-title {font-size: 1.3rem;}
  .er-ribbon small {display: block; margin: .2rem 0 0;}
}
</style>
"""


def safe(text: Any) -> str:
    """Return text that HTML shows as it is."""
    return escape(str(text))


def show(*parts: str) -> None:
    """Put HTML on the page."""
    st.html("".join(parts))


def badge(level: int, language: str, *, big: bool = False) -> str:
    """Return a level as colour, number, symbol and word."""
    return (
        f'<span class="er-badge{" er-big" if big else ""}" '
        f'style="background:{LEVEL_COLOURS[level]};color:{LEVEL_TEXT_COLOURS[level]}">'
        f"{safe(level_label(level, language))}</span>"
    )


def level_chip(level: int, language: str, detail: str) -> str:
    """Return an entry of the legend: the level and how much bank has it."""
    return (
        f'<span class="er-chip"><span class="er-badge" '
        f'style="background:{LEVEL_COLOURS[level]};color:{LEVEL_TEXT_COLOURS[level]}">'
        f"{level} {LEVEL_SYMBOLS[level]}</span>{safe(LEVEL_WORDS[language][level])} <small>{safe(detail)}</small></span>"
    )


def chip(colour: str, symbol: str, word: str, detail: str) -> str:
    """Return an entry of any other legend."""
    return (
        f'<span class="er-chip"><span class="er-badge" style="background:{colour};color:#fff">{safe(symbol)}</span>'
        f"{safe(word)} <small>{safe(detail)}</small></span>"
    )


def key(style: str, word: str) -> str:
    """Return a small swatch with its word."""
    return f'<span class="er-key"><i style="{style}"></i>{safe(word)}</span>'


def banner(kind: str, title: str, more: str = "", lines: Sequence[str] = ()) -> str:
    """Return a banner: ``bad``, ``warn`` or ``info``."""
    listed = f"<ul>{''.join(f'<li>{safe(line)}</li>' for line in lines)}</ul>" if lines else ""
    role = "alert" if kind == "bad" else "status"
    return f'<div class="er-banner er-{kind}" role="{role}"><b>{safe(title)}</b>{safe(more)}{listed}</div>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return labelled facts on one line."""
    named = ((f"<b>{safe(name)}</b>" if name else "", safe(value)) for name, value in pairs)
    return f'<div class="er-facts">{"".join(f"<span>{name}{value}</span>" for name, value in named)}</div>'


def grid(pairs: Iterable[tuple[str, str]], first: tuple[str, str] | None = None) -> str:
    """Return labelled numbers in a grid, one of them large."""
    wide = f'<div class="er-wide"><b>{safe(first[0])}</b><span>{safe(first[1])}</span></div>' if first else ""
    return f'<div class="er-grid">{wide}{"".join(f"<div><b>{safe(k)}</b><span>{safe(v)}</span></div>" for k, v in pairs)}</div>'


def rows(pairs: Iterable[tuple[str, str]]) -> str:
    """Return labelled values below each other."""
    lines = (f"<div><span>{safe(name)}</span><b>{safe(value)}</b></div>" for name, value in pairs)
    return f'<div class="er-rows">{"".join(lines)}</div>'


def items(lines: Iterable[str], kind: str) -> str:
    """Return a list."""
    return f'<ul class="er-{kind}">{"".join(f"<li>{safe(line)}</li>" for line in lines)}</ul>'


def heading(text: str) -> str:
    """Return a small heading."""
    return f'<div class="er-h" role="heading" aria-level="2">{safe(text)}</div>'


def note(text: str) -> str:
    """Return small print."""
    return f'<div class="er-note">{safe(text)}</div>'
