"""Passwords in texts, as they are typed and mistyped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.secrets import given_secrets, without_secrets

SECRET = "tr0ub4dor-and-3"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://me:{SECRET}@host/db?sslmode=require",
        f"got 'postgresql://me:{SECRET}@host/db'; see fmnist-search --help",
        f"postgresql://me:12/{SECRET}@host/db",
        f"postgresql://me:with@{SECRET}@host/db",
        f"postgresql://me:with some {SECRET}@host/db",
        f"postgresql://me:{SECRET}",
        f"postgresql:/me:{SECRET}@host/db",
        f"--storage=postgresql:me:{SECRET}@host/db",
        f"me:{SECRET}@host",
        f"--storage postgresql//me:{SECRET}@host/db",
        f"mysql://host/db?user=me&passwrd={SECRET}&mode=ro",
        f"s3://key:{SECRET}@bucket/prefix",
        f"s3://bucket/prefix?aws_secret_access_key={SECRET}",
        f"host=h user=me password={SECRET} dbname=d",
        f"AWS_SECRET_ACCESS_KEY={SECRET}",
    ],
)
def test_what_is_secret_is_hidden_once_and_for_all(text: str) -> None:
    hidden = without_secrets(text)
    assert SECRET not in hidden
    assert without_secrets(hidden) == hidden


@pytest.mark.parametrize(
    "text",
    [
        "tcp://host:8786, or me@host",
        "http://[::1]:8080/ and http://127.0.0.1:8080/studies/1",
        "sqlite:////home/me/a:b@c/x.db",
        "postgresql+psycopg://me@h:5432/d?host=/tmp&port=1&sslmode=require",
        "s3://bucket/prefix",
        "fmnist-search.toml:3: trials: must be a whole number; got '5'",
        "trial ae#3 at 10:30 by me@host",
        "error: no such option: --trails; did you mean --trials? See fmnist-search ae --help",
    ],
)
def test_what_holds_no_secret_stays(text: str) -> None:
    assert without_secrets(text) == text


def test_a_known_secret_is_hidden_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMNIST_SEARCH_STORAGE", "postgresql://me:of%20variable@h/d")
    monkeypatch.setenv("PGPASSWORD", "of libpq")
    known = given_secrets(["--artifacts", f"s3://key:{SECRET}@bucket", "ae:x@y"])
    assert known >= {SECRET, "of%20variable", "of variable", "of libpq"}
    assert "x" not in known, "it is in many words"
    assert without_secrets("a 'of variable', an of libpq", known) == "a '***', an ***"


@given(st.text(st.characters(exclude_characters="@\n"), min_size=1, max_size=12))
def test_any_password_is_hidden(password: str) -> None:
    assert without_secrets(f"x://me:<{password}>@host/db") == "x://me:***@host/db"
