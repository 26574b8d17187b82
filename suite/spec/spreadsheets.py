"""Text in CSV files that a spreadsheet would run as a formula."""

from __future__ import annotations

FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # Excel and LibreOffice take a cell that starts with one of them as a formula


def escape_formula(text: str) -> str:
    """`text` with an apostrophe in front where a spreadsheet would read it as a formula; numbers stay as they are.

    A text that starts with apostrophes before such a sign gets one more, so that `unescape_formula` gives all texts
    back.
    """
    return f"'{text}" if text.lstrip("'").startswith(FORMULA) and not _is_number(text) else text


def csv_cell(text: str) -> str:
    """`text` as it goes to a CSV writer: escaped, with line ends that the writer puts into quotes."""
    return escape_formula(text).replace("\r\n", "\n").replace("\r", "\n")  # csv leaves a lone \r unquoted


def unescape_formula(text: str) -> str:
    """What `escape_formula` was given, from what it gave."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip() and "_" not in text
