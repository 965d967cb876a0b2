#!/usr/bin/env python3
"""Writes unicode_tables.cpp from a JSON file of code-point tables, or width_tables.cpp.

Usage: make_unicode_tables.py TABLES.json > unicode_tables.cpp
       make_unicode_tables.py --widths > width_tables.cpp    (by a Python that knows Unicode 14)

The JSON holds inclusive ranges [first, last] under "alnum", "space", "cased" and "case_ignorable",
runs [first, last, step, delta] under "lower_runs", and under "lower_special" the code points whose
lower case is more than one code point. tests/data/vectors/unicode14.json is such a file.
"""

import json
import sys
import unicodedata

WIDTH = 100
# unicode.cpp spells this one out; a table with more of them needs a table of its own.
SPECIAL = {"304": [0x69, 0x307]}


def check_ascending(name, rows):
    """Binary search needs disjoint rows in ascending order."""
    end = -1
    for row in rows:
        if row[0] <= end or row[1] < row[0]:
            sys.exit(f"{name}: rows overlap or are out of order at {row}")
        end = row[1]


def lines(cells):
    """Packs the cells into lines of at most WIDTH columns."""
    line = " "
    for cell in cells:
        if len(line) + 2 + len(cell) > WIDTH:
            yield line
            line = " "
        line += f" {cell},"
    yield line


def table(kind, name, rows, cell):
    yield f"const {kind} {name}_rows[] = {{"
    yield from lines(cell(row) for row in rows)
    yield "};"
    yield ""


def range_cell(row):
    return f"{{{row[0]:#x}, {row[1]:#x}}}"


def run_cell(row):
    first, last, step, delta = row
    return f"{{{first:#x}, {last:#x}, {step}, {delta}}}"


def source(tables):
    ranges = ["alnum", "space", "cased", "case_ignorable"]
    for name in [*ranges, "lower_runs"]:
        check_ascending(name, tables[name])
    if tables["lower_special"] != SPECIAL:
        sys.exit("lower_special: differs from the one case that unicode.cpp knows")

    yield "// Written by make_unicode_tables.py: change the script, not this file."
    yield '#include "cortex/text/unicode_tables.hpp"'
    yield ""
    yield "namespace cortex::text::tables {"
    yield "namespace {"
    yield ""
    yield "// Packed by the script; this version of clang-format heeds the bare words only."
    yield "// clang-format off"
    for name in ranges:
        yield from table("code_point_range", name, tables[name], range_cell)
    yield from table("lower_run", "lower_runs", tables["lower_runs"], run_cell)
    yield "// clang-format on"
    yield ""
    yield "} // namespace"
    yield ""
    for name in ranges:
        yield f"const std::span<const code_point_range> {name}{{{name}_rows}};"
    yield "const std::span<const lower_run> lower_runs{lower_runs_rows};"
    yield ""
    yield "} // namespace cortex::text::tables"


# Format characters that are drawn all the same: signs before Arabic, Syriac and Kaithi numbers.
DRAWN = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}


def is_wide(point):
    return unicodedata.east_asian_width(chr(point)) in "WF"


def is_zero(point):
    """Drawn over its neighbour or not at all; vowels and finals of Hangul join the letter before."""
    if point <= 0xAD or point in DRAWN:  # a soft hyphen is drawn; control characters are no text
        return False
    return unicodedata.category(chr(point)) in ("Mn", "Me", "Cf") or 0x1160 <= point <= 0x11FF


def ranges_of(holds):
    rows = []
    for point in range(sys.maxunicode + 1):
        if not holds(point):
            continue
        if rows and rows[-1][1] == point - 1:
            rows[-1][1] = point
        else:
            rows.append([point, point])
    return rows


def width_source():
    if unicodedata.unidata_version != "14.0.0":
        sys.exit(f"this Python knows Unicode {unicodedata.unidata_version}, not 14.0.0")
    yield "// Written by make_unicode_tables.py: change the script, not this file."
    yield '#include "cortex/text/unicode_tables.hpp"'
    yield ""
    yield "namespace cortex::text::tables {"
    yield "namespace {"
    yield ""
    yield "// clang-format off"
    yield from table("code_point_range", "wide", ranges_of(is_wide), range_cell)
    yield from table("code_point_range", "zero_width", ranges_of(is_zero), range_cell)
    yield "// clang-format on"
    yield ""
    yield "} // namespace"
    yield ""
    for name in ("wide", "zero_width"):
        yield f"const std::span<const code_point_range> {name}{{{name}_rows}};"
    yield ""
    yield "} // namespace cortex::text::tables"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--widths":
        print("\n".join(width_source()))
        return
    with open(sys.argv[1], encoding="utf-8") as file:
        tables = json.load(file)
    print("\n".join(source(tables)))


if __name__ == "__main__":
    main()
