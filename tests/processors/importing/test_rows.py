"""Rows of files as people export them: JSON of every shape, CSV, encodings, and what is broken."""

import io
import json
import tracemalloc

import pytest

from processors.importing.files import rows_of, table_of
from processors.importing.json_rows import Row, json_rows


@pytest.fixture
def rows(tmp_path):
    def read(content, name="leads.json", encoding="utf-8"):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        with rows_of(str(file)) as found:
            return list(found)

    return read


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("leads.json", '[{"id": "1", "name": "Zoë"},\n {"id": "2"}]'),
        ("leads.ndjson", '{"id": "1", "name": "Zoë"}\n{"id": "2"}\n'),
        ("leads.json", '{\n "id": "1", "name": "Zoë"\n}\n{"id": "2"}'),
        ("all.json", '{"leads": [{"id": "1", "name": "Zoë"}, {"id": "2"}]}'),
        ("leads.csv", "id,name\r\n1,Zoë\r\n2,\r\n"),
        ("leads.csv", 'id;"name"\n1;"Zoë"\n\n2;\n'),
        ("leads.tsv", "\n\nid\tname\n1\tZoë\n2\t \n"),
    ],
)
def test_the_same_rows_in_every_form(rows, name, content, encoding):
    found = rows(content, name, encoding)
    assert [row.data for row in found] == [{"id": "1", "name": "Zoë"}, {"id": "2"}]
    assert not any(row.problem for row in found)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", []),
        ("[]", []),
        ("  \n", []),
        ('[1, {"id": 1}]', [(1, "is no object"), (1, "")]),
        ('[{"id": 1},\n{"id": 2,}]',
         [(1, ""), (2, "is not JSON: Illegal trailing comma")]),
        ('[{"id": 1}\n', [(1, ""), (2, "the list has no end: the file is cut off")]),
        ('{"id": 1}\n{"id": \n{"id": 3}\n', [(1, ""), (2, "is not JSON"), (3, "")]),
        ('{"id": 1}\n' + "[" * 100_000 + '\n{"id": 3}',
         [(1, ""), (2, "is nested too deep"), (3, "")]),
        ('{"leads": [{"id": 1}], "x": 5}', [(1, ""), (1, "'x' is no list")]),
        ('{"leads": [], "workflows": [{"id": 2}]}', [(1, "")]),
    ],
)  # fmt: skip
def test_broken_json_is_named_by_its_line(rows, content, expected):
    found = rows(content)
    assert [row.line for row in found] == [line for line, _ in expected]
    for row, (_, problem) in zip(found, expected, strict=True):
        # The words of Python's decoder differ between its versions.
        assert row.problem.startswith(problem[:11])
        assert (row.data is None) is bool(problem)


def test_numbers_that_nobody_can_hold_become_ones_that_are_refused(rows):
    [row] = rows('{"id": 1, "score": %s, "x": [NaN, 1e999]}' % ("9" * 5_000))
    assert row.data["score"] == 10**400
    assert row.data["x"][1] == float("inf")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", []),
        (",,\n1,2\n", [(1, "there is no header")]),
        ("id,ID\n1,2\n", [(1, "the header names id twice")]),
        ("id,name\n1,a,b\n2,c\n", [(2, "has 3 cells; the header has 2"), (3, "")]),
        ('id,name\n1,"a"b\n2,c\n', [(2, "is not CSV"), (3, "")]),
        ('id,name\n1,"a\n2,c\n', [(2, "is not CSV: unexpected end of data")]),
        ('id,name\n1,"two\nlines"\n2,c\n', [(2, ""), (4, "")]),
        ("id\n\n\n3\n", [(4, "")]),
        ("id,name\n1," + "x" * 1_100_000 + "\n2,b\n", [(2, "is not CSV: field larger"), (3, "")]),
    ],
)
def test_broken_csv_is_named_by_its_line(rows, content, expected):
    found = rows(content, "leads.csv")
    assert [row.line for row in found] == [line for line, _ in expected]
    for row, (_, problem) in zip(found, expected, strict=True):
        assert row.problem.startswith(problem)
        assert (row.data is None) is bool(problem)


def test_cells_hold_what_postgresql_and_spreadsheets_write(rows):
    [row] = rows('id,tags,list,custom_fields,odd\n1,"{a,""b c""}","[""x""]","{""goal"": 1}",{\n',
                 "leads.csv")  # fmt: skip
    assert row.data == {
        "id": "1", "tags": ["a", "b c"], "list": ["x"], "custom_fields": {"goal": 1}, "odd": "{"
    }  # fmt: skip


def test_bytes_that_are_no_text_spoil_their_row_alone(rows):
    found = rows(b"id,name\n1,Zo\xff\n2,b\n", "leads.csv")
    assert found[0].data["name"] == "Zo\udcff"
    assert found[1].data == {"id": "2", "name": "b"}


@pytest.mark.parametrize(
    ("name", "table"),
    [("leads.csv", "leads"), ("/tmp/Leads-2026-11.json", "leads"), ("clients (2).csv", "clients"),
     ("message_templates_2.json", "message_templates"), ("stuff.csv", None), ("-", None)],
)  # fmt: skip
def test_a_file_says_its_table_by_its_name(name, table):
    assert table_of(name) == table


def test_a_large_file_is_never_in_memory():
    class Endless(io.StringIO):
        left = 5_000

        def read(self, size=-1):
            if self.left == 0:
                return ""
            self.left -= 1
            item = json.dumps({"id": self.left, "text": "x" * 900})
            return ("[" if self.left == 4_999 else ",") + item + ("]" if self.left == 0 else "")

    tracemalloc.start()
    assert sum(1 for row in json_rows(Endless()) if row.data) == 5_000
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2_000_000


def test_an_item_over_many_chunks_is_one_row():
    text = json.dumps([{"id": 1, "text": "x" * 300_000, "number": 12345}, {"id": 2}])
    assert [row.data["id"] for row in json_rows(io.StringIO(text))] == [1, 2]
    assert list(json_rows(io.StringIO("[1"))) == [
        Row(1, None, "is no object"),
        Row(1, None, "the list has no end: the file is cut off"),
    ]
