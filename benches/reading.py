#!/usr/bin/env python3
"""Reading deliveries: how fast, and in how much memory.

    benches/reading.py BINARY SCRATCH csv [ROWS]        the same CSV read by the program and by DuckDB, in turn
    benches/reading.py BINARY SCRATCH workbook [ROWS]   an XLSX of 100,000 rows through the whole program
    benches/reading.py BINARY SCRATCH memory [GB ...]   a CSV of 1, 2.5 and 5 GB through the whole program

BINARY is the optimised program; SCRATCH a folder that may be filled, with three times the CSV's size free. DuckDB is
the Python package of that name; without it `csv` measures the program alone. Everything is invented and the same from
call to call. Times are those of whole processes, from their start to their end; memory is the largest that the kernel
saw (`ru_maxrss`).
"""

import os
import pathlib
import shutil
import sys
import time
import zipfile

TYPES = [
    "Anti-social behaviour", "Bicycle theft", "Burglary", "Criminal damage and arson", "Drugs", "Other crime",
    "Other theft", "Possession of weapons", "Public order", "Robbery", "Shoplifting", "Theft from the person",
    "Vehicle crime", "Violence and sexual offences",
]
OUTCOMES = ["Under investigation", "Charged", "No suspect", "Not in the public interest"]
BEATS = 1000
HEADER = "Ref,Month,Beat,Type,Longitude,Latitude,Outcome,Value\n"
NOW = "2026-02-01T06:00:00Z"

CONTRACT = """id = "crime"
dataset = "crime"
grain = "one crime"
{key}
[month]
from = "Month"
format = "month"

[[column]]
name = "ref"
from = "Ref"
type = "hex"
required = true

[[column]]
name = "beat"
from = "Beat"
lookup = "beat"
required = true

[[column]]
name = "crime_type"
from = "Type"
type = "category"
required = true
codes = [{types}]

[[column]]
name = "longitude"
from = "Longitude"
type = "number"
range = [-180.0, 180.0]

[[column]]
name = "latitude"
from = "Latitude"
type = "number"
range = [-90.0, 90.0]

[[column]]
name = "outcome"
from = "Outcome"
type = "category"

[[column]]
name = "value"
from = "Value"
type = "integer"
range = [0.0, 1000000.0]
"""

FEED = """id = "crime"
title = "Crimes"
supplier = "Nobody"
contract = "crime"
mode = "{mode}"
source = "deliveries/{{period}}.{ending}"
covers = ["A1"]
from = "2026-01"
to = "2026-01"
landing = "reference"
max-unpacked-bytes = 20000000000

[http]
max-bytes = 20000000000
"""


def row(number, month):
    """One line: identifiers are all different, everything else follows from the number."""
    ref = f"{number * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF:016x}{number:048x}"
    step = number * 2654435761 & 0xFFFFFFFF
    return (
        f"{ref},{month},B{step % BEATS:04},{TYPES[step % 14]},{-(step % 40000) / 10000:.6f},"
        f"{50 + step % 70000 / 10000:.6f},{OUTCOMES[step >> 3 & 3]},{step % 5000}\n"
    )


def make_csv(path, rows=None, size=None, months=("2026-01",)):
    """Writes so many rows, or so many bytes."""
    written = len(HEADER)
    number = 0
    with open(path, "w", buffering=1 << 22) as file:
        file.write(HEADER)
        while (rows is not None and number < rows) or (size is not None and written < size):
            lines = "".join(row(number + n, months[(number + n) % len(months)]) for n in range(10_000))
            file.write(lines)
            written += len(lines)
            number += 10_000
    return number


def make_xlsx(path, rows):
    """A workbook as spreadsheets write them: shared strings, numbers, one sheet."""
    texts, known = [], {}

    def text(value):
        if value not in known:
            known[value] = len(texts)
            texts.append(value)
        return known[value]

    lines = []
    for number in range(rows + 1):
        fields = HEADER.strip().split(",") if number == 0 else row(number, "2026-01").strip().split(",")
        cells = []
        for column, value in enumerate(fields):
            place = f"{chr(65 + column)}{number + 1}"
            if number and column in (4, 5, 7):
                cells.append(f'<c r="{place}"><v>{value}</v></c>')
            else:
                cells.append(f'<c r="{place}" t="s"><v>{text(value)}</v></c>')
        lines.append(f'<row r="{number + 1}">{"".join(cells)}</row>')
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'{head}<Types xmlns="{package}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            '<Override PartName="/xl/workbook.xml" ContentType='
            '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
            '<Override PartName="/xl/worksheets/sheet1.xml" ContentType='
            '"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
            '<Override PartName="/xl/sharedStrings.xml" ContentType='
            '"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'{head}<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{office}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'{head}<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="Crimes" sheetId="1" r:id="r1"/>'
            "</sheets></workbook>",
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'{head}<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{office}/worksheet" '
            f'Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{office}/sharedStrings" '
            'Target="sharedStrings.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/worksheets/sheet1.xml",
            f'{head}<worksheet xmlns="{main}"><sheetData>{"".join(lines)}</sheetData></worksheet>',
        )
        shared = "".join(f"<si><t>{value}</t></si>" for value in texts)
        archive.writestr("xl/sharedStrings.xml", f'{head}<sst xmlns="{main}">{shared}</sst>')


def make_project(folder, mode="month", ending="csv", keyed=True, form=""):
    """A project of one feed, one look-up and no measure."""
    shutil.rmtree(folder, ignore_errors=True)
    files = {
        "outturn.toml": '[warehouse]\nlocation = "warehouse"\n',
        "pipelines/town/partnership.toml": 'id = "town"\ntitle = "Town"\n',
        "pipelines/town/contracts/crime.toml": CONTRACT.format(
            key='key = ["ref"]\n' if keyed else "", types=", ".join(f'"{kind}"' for kind in TYPES)
        )
        + form,
        "pipelines/town/feeds/crime.toml": FEED.format(mode=mode, ending=ending),
        "pipelines/town/lookups/beat.toml": 'id = "beat"\ntitle = "Beats"\npublisher = "nobody"\nkey = ["beat"]\n\n'
        '[file]\nbeat = "../beat.csv"\n',
        "pipelines/town/beat.csv": "beat,ward\n" + "".join(f"B{n:04},W{n % 50}\n" for n in range(BEATS)),
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "deliveries").mkdir(exist_ok=True)
    return folder


def timed(arguments, codes=(0,)):
    """Seconds, processor seconds and MiB of a whole process that says nothing."""
    silent = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
    began = time.perf_counter()
    child = os.posix_spawnp(arguments[0], [str(one) for one in arguments], os.environ, file_actions=silent)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - began
    code = os.waitstatus_to_exitcode(status)
    if code not in codes:
        sys.exit(f"{arguments[0]} ended with {code}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def told(what, measured):
    seconds, processor, memory = measured
    print(f"{what:44} {seconds:8.2f} s {processor:8.2f} s processor {memory:8.0f} MiB", flush=True)


DUCKDB = """
import sys, duckdb
path, out = sys.argv[1:]
columns = {"Ref": "VARCHAR", "Month": "VARCHAR", "Beat": "VARCHAR", "Type": "VARCHAR", "Longitude": "DOUBLE",
           "Latitude": "DOUBLE", "Outcome": "VARCHAR", "Value": "BIGINT"}
duckdb.sql("SET enable_progress_bar = false")
rows = duckdb.read_csv(path, header=True, columns=columns)
if out == "-":
    # Every field is read and looked at, and nothing kept.
    print(rows.aggregate("count(*), max(Ref), max(Month), max(Beat), max(Type), sum(Longitude), sum(Latitude), "
                         "max(Outcome), sum(Value)").fetchall(), file=sys.stderr)
else:
    rows.write_parquet(out, compression="zstd")
"""


def csv(binary, scratch, rows):
    project = make_project(scratch / "project")
    path = project / "deliveries/2026-01.csv"
    kept = scratch / f"crimes-{rows}.csv"
    if not kept.exists():
        make_csv(kept, rows=rows)
    os.link(kept, path)
    print(f"{rows} rows, {path.stat().st_size / 1e9:.2f} GB")
    python = os.environ.get("OUTTURN_TEST_PYTHON", sys.executable)
    duckdb = os.system(f"{python} -c 'import duckdb' 2>/dev/null") == 0
    if not duckdb:
        print("duckdb is not installed: the program alone is measured")
    program = [binary, "--project", project, "--now", NOW]
    # The first reading brings the file into the page cache.
    with open(path, "rb") as file:
        while file.read(1 << 24):
            pass
    reader = pathlib.Path(binary).resolve().parent / "examples/read_records"
    if not reader.exists():
        print(f"the reader by itself is not measured: `cargo build --release --example read_records` makes {reader}")
    ratios = {"reading": [], "reading and judging": [], "reading, judging and writing": []}
    for turn in range(3):
        shutil.rmtree(project / "warehouse", ignore_errors=True)
        run = timed([*program, "run", "--quiet"])
        told(f"{turn + 1}. outturn run: digest, judge, write Parquet", run)
        letter = timed([*program, "feed", "letter", "crime", "--period", "2026-01", "--output", "json"])
        told(f"{turn + 1}. outturn feed letter: judge every row", letter)
        if reader.exists():
            records = timed([reader, path, "Longitude", "Latitude", "Value"])
            told(f"{turn + 1}. the reader by itself: every field", records)
        if duckdb:
            read = timed([python, "-c", DUCKDB, path, "-"])
            told(f"{turn + 1}. DuckDB read_csv: every field", read)
            write = timed([python, "-c", DUCKDB, path, scratch / "duckdb.parquet"])
            told(f"{turn + 1}. DuckDB read_csv to Parquet, zstd", write)
            ratios["reading and judging"].append((letter, read))
            if reader.exists():
                ratios["reading"].append((records, read))
            ratios["reading, judging and writing"].append((run, write))
    for name, pairs in ratios.items():
        for what, place in (("wall", 0), ("processor", 1)):
            values = [ours[place] / theirs[place] for ours, theirs in pairs]
            if values:
                print(f"ratio to DuckDB, {name}, {what}: " + ", ".join(f"{value:.2f}" for value in values))


def workbook(binary, scratch, rows):
    project = make_project(
        scratch / "project", ending="xlsx", form='\n[format]\nkind = "workbook"\n[format.limits]\nrows = 1100000\ncells = 20000000\n'
    )
    path = project / "deliveries/2026-01.xlsx"
    make_xlsx(path, rows)
    print(f"{rows} rows, {path.stat().st_size / 1e6:.1f} MB")
    for turn in range(3):
        shutil.rmtree(project / "warehouse", ignore_errors=True)
        run = timed([binary, "--project", project, "--now", NOW, "run", "--quiet"])
        told(f"{turn + 1}. outturn run: digest, read, judge, write", run)


def memory(binary, scratch, sizes):
    for keyed in (False, True):
        for size in sizes:
            # With a key, the keys of a month are held; so they come as sixty months in one file.
            project = make_project(scratch / "project", mode="whole" if keyed else "month", keyed=keyed)
            months = [f"20{21 + n // 12}-{n % 12 + 1:02}" for n in range(60)] if keyed else ["2026-01"]
            if keyed:
                feed = project / "pipelines/town/feeds/crime.toml"
                feed.write_text(feed.read_text().replace('from = "2026-01"', 'from = "2021-01"'))
            path = project / "deliveries/2026-01.csv"
            rows = make_csv(path, size=size * 1e9, months=months)
            # Sixty months end with December 2025, so that January 2026 is missing: a gap.
            run = timed([binary, "--project", project, "--now", NOW, "run", "--quiet"], codes=(0, 3))
            told(f"{size:g} GB, {rows} rows, {'60 months by key' if keyed else 'one month, no key'}", run)
            shutil.rmtree(project)


def main():
    if len(sys.argv) < 4 or sys.argv[3] not in ("csv", "workbook", "memory"):
        sys.exit(__doc__)
    binary = pathlib.Path(sys.argv[1]).resolve()
    scratch = pathlib.Path(sys.argv[2]).resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    more = [float(one) for one in sys.argv[4:]]
    if sys.argv[3] == "csv":
        csv(binary, scratch, int(more[0]) if more else 10_000_000)
    elif sys.argv[3] == "workbook":
        workbook(binary, scratch, int(more[0]) if more else 100_000)
    else:
        memory(binary, scratch, more or [1.0, 2.5, 5.0])


main()
