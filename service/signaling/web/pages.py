"""The pages that people read: HTML of the folder beside this module, with a policy that runs nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Final

from litestar import MediaType, Response

_FOLDER: Final = Path(__file__).parent / "pages"

_INLINE: Final = re.compile(rb"<(script|style)>(.*?)</\1>", re.DOTALL)


class Page:
    """A page, read once, and the headers it is sent with."""

    def __init__(self, name: str, **sources: str) -> None:
        """``sources`` are directives of the Content-Security-Policy (`script_src`) beside the page's hashes.

        Only what is written in the page itself runs inline: each script and style of it is named by its hash
        (CSP Level 3, section 8.4), and browsers run no other.
        """
        self._body = (_FOLDER / name).read_bytes()
        policy = {
            "default-src": "'none'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }
        policy |= {directive.replace("_", "-"): allowed for directive, allowed in sources.items()}
        for kind, text in _INLINE.findall(self._body):
            directive = f"{kind.decode()}-src"
            if "'unsafe-inline'" not in policy.get(directive, ""):
                digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
                policy[directive] = f"{policy.get(directive, '')} 'sha256-{digest}'".strip()
        self._headers = {
            "Content-Security-Policy": "; ".join(
                f"{directive} {allowed}" for directive, allowed in policy.items()
            ),
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        }

    def response(self, **headers: str) -> Response[bytes]:
        """The answer; ``headers`` are added (`vary`)."""
        return Response(self._body, media_type=MediaType.HTML, headers=self._headers | headers)
