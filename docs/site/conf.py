"""The pages and the API as a site: `sphinx-build -W -c docs/site . build/site`, in the clone.

The pages are those that are read in the repository, README first; a link that leads nowhere is an
error. What a page links and is no page (a config, a module) is a download.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

project = 'scalenas'
copyright = 'the scalenas authors'
extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
root_doc = 'README'
include_patterns = [
    *('README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'docs/**.md'),
    *('model_zoo/README.md', 'projects/README.md'),
]
exclude_patterns = ['docs/**/table*.md']  # a part of another page, as a run printed it
html_theme = 'furo'
html_title = 'scalenas'
myst_heading_anchors = 4
default_role = 'code'
autodoc_member_order = 'bysource'
autodoc_typehints = 'signature'
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False

PAGES = {
    'Start': ('install', 'from_your_model', 'own_project', 'own_coco', 'troubleshooting'),
    'Guides': (
        'training',
        'search',
        'cluster',
        'report',
        'export',
        'deployment',
        'latency',
        'scaling',
    ),
    'Tasks': ('demos', 'pose', 'bottomup', 'detection'),
    'Supernets': ('supernets', 'scalenet', 'bignas', 'rank'),
    'Background': ('claims', 'performance', 'costs', 'glossary', 'reliability', 'alternatives'),
    'Inside': ('design', 'adding_a_family'),
}
"""Caption -> pages of docs/ in the order of the side bar; those of no caption are under More."""

LINK = re.compile(r'\[([^\]]*)\]\(([^)#:\s]+)\)')
ANCHOR = re.compile(r'^<a id="([\w-]+)"></a>', re.MULTILINE)


def contents() -> str:
    """The side bar, as a hidden table of contents."""
    docs = {path.stem for path in (ROOT / 'docs').glob('*.md')}
    others = sorted(docs - {name for names in PAGES.values() for name in names})
    parts = {caption: [f'docs/{name}' for name in names] for caption, names in PAGES.items()}
    parts['API'] = sorted(f'docs/api/{path.stem}' for path in (ROOT / 'docs/api').glob('*.md'))
    more = ('model_zoo/README', 'projects/README', 'CONTRIBUTING', 'CHANGELOG')
    parts['More'] = [*(f'docs/{name}' for name in others), *more]
    trees = (
        '\n'.join(['```{toctree}', ':hidden:', f':caption: {caption}', '', *names, '```'])
        for caption, names in parts.items()
    )
    return '\n\n'.join(trees)


def as_page(app: Sphinx, name: str, source: list[str]) -> None:
    """What a reader of the repository sees, in the words of the site."""
    text = source[0]
    folder = (ROOT / name).parent

    def link(match: re.Match[str]) -> str:
        # A folder is no page; its name says where it is.
        return match[1] if (folder / match[2]).is_dir() else match[0]

    text = ANCHOR.sub(r'(\1)=\n', LINK.sub(link, text))
    source[0] = f'{text}\n\n{contents()}\n' if name == root_doc else text


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect('source-read', as_page)
    return {'parallel_read_safe': True}
