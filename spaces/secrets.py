"""Passwords and keys in texts, hidden: the one place for what is printed, written and stored.

People write them into URLs of databases, buckets and schedulers, and mistype those.
"""

import os
import re
from collections.abc import Iterable
from urllib.parse import unquote

SHOWN_OPTIONS = ("host", "port", "user", "dbname", "sslmode", "connect_timeout", "mode", "uri")
"""Parts of a URL's query that hold no secret; one that is unknown may be a password misspelt."""

VARIABLES = ("PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""Of the environment, whose whole value is secret."""

_SHORTEST = 4
"""Characters of a secret that is hidden wherever it stands; a shorter one is in many words."""

_IS_PORT = r"(?!\d{1,5}(?:[/?,;'\"][^\s@]*)?(?:\s|$))"

_IN_URL = re.compile(rf"(?P<before>://[^\s:@/'\"\[]*:){_IS_PORT}(?P<secret>.*(?=@)|[^\s/@'\"]+)")
"""``scheme://user:password@host``: to the last sign ``@``, as passwords hold any."""

_WITHOUT_SLASHES = re.compile(
    rf"(?P<before>(?<![^\s'\"=,;([])[\w+./-]+:(?!//)){_IS_PORT}(?P<secret>[^\s@]\S*(?=@))"
)
"""``user:password@host`` or ``postgresql//user:password@host``, as URLs are mistyped."""

_QUERY = re.compile(
    rf"(?P<before>[?&](?!(?:{'|'.join(SHOWN_OPTIONS)})=)[\w.-]+=)(?P<secret>[^&\s'\"]+)"
)

_NAMED = re.compile(
    r"(?i)(?P<before>\b\w*(?:password|passwd|secret|token|access_key)\w*\s*=\s*['\"]?)"
    r"(?P<secret>[^\s'\"&]+)"
)
"""``password=…``, as libpq takes it."""

_PATTERNS = ((_IN_URL, "***"), (_WITHOUT_SLASHES, "***"), (_QUERY, "hidden"), (_NAMED, "hidden"))


def without_secrets(text: str, known: Iterable[str] = ()) -> str:
    """The text with every password and key in it hidden.

    Args:
        text: any.
        known: secrets, to be hidden wherever and however they stand.
    """
    for secret in sorted(known, key=len, reverse=True):
        text = text.replace(secret, "***")
    for pattern, sign in _PATTERNS:
        text = pattern.sub(rf"\g<before>{sign}", text)
    return text


def given_secrets(words: Iterable[str]) -> set[str]:
    """What is secret of a command line's words and of this process's environment."""
    ours = (value for name, value in os.environ.items() if name.startswith("FMNIST_SEARCH_"))
    found = {
        match["secret"]
        for text in (*words, *ours)
        for pattern, _ in _PATTERNS
        for match in pattern.finditer(text)
    }
    found |= {os.environ[name] for name in VARIABLES if name in os.environ}
    return {s for secret in found for s in (secret, unquote(secret)) if len(s) >= _SHORTEST}
