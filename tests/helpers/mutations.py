"""Slips of the keyboard and of the disk, for tests of what reads files."""

from hypothesis import strategies as st

_PUT_IN = st.text(st.characters(exclude_categories=["Cs"]), max_size=3) | st.sampled_from(
    ["=", "[", "]", '"', "{", "}", ",", ":", "-1", "1e999", "nan", "inf", "true", "null", "\x00"]
)


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """The text with up to three pieces of it cut out, put in elsewhere or replaced."""
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, len(text)))
        end = draw(st.integers(begin, min(len(text), begin + 8)))
        piece = draw(_PUT_IN | st.just(text[begin:end] * 2))
        text = text[:begin] + piece + text[end:]
    return text
