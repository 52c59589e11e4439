"""Batches: whatever people send is read whole, or refused with a sentence that says why."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.bot.texts.locales import say
from shared.batches import (
    MAX_FILE_BYTES,
    MAX_LINES,
    Problem,
    decode,
    expand,
    file_name,
    read_batch,
    slug,
    variants,
    write_manifest,
)
from shared.catalogue import Catalogue
from shared.errors import BadBatch, BadParameter
from shared.jobs import Prompt, Recipe, Request, State
from shared.styles import Styles
from tests.builders import a_job

CATALOGUE, STYLES = Catalogue(), Styles()


def read(content, name=None, **more):
    return read_batch(content, name, CATALOGUE, STYLES, **more)


def ideas(reading):
    return [request.idea for request in reading.requests]


def refused(content, name=None, **more):
    """The reason for which it is refused, and what the sentence tells."""
    with pytest.raises(BadBatch) as caught:
        read(content, name, **more)
    return caught.value.reason, dict(caught.value.values)


class TestLines:
    def test_each_is_an_idea_with_its_own_parameters(self):
        reading = read("a fox --seed 7\n\n  a boat --n 2\n")

        assert ideas(reading) == ["a fox", "a boat"]
        assert reading.requests[0].parameters.seed == 7
        assert reading.pictures == 3

    def test_parameters_alone_on_the_first_hold_for_all_that_say_nothing_else(self):
        reading = read("--ar 16:9 --no text, people --seed 3\na fox\na boat --ar 1:1")

        assert [request.parameters.ratio for request in reading.requests] == [(16, 9), (1, 1)]
        assert {request.parameters.negative for request in reading.requests} == {"text, people"}
        assert {request.parameters.seed for request in reading.requests} == {3}
        assert reading.hints == ()

    def test_words_on_the_first_are_an_idea(self):
        assert ideas(read("a fox --ar 16:9\na boat")) == ["a fox", "a boat"]

    def test_one_that_can_not_be_painted_is_told_with_its_number(self):
        reading = read("a fox\na boat --seed x\n\n--ar 1:1\na tree")

        assert ideas(reading) == ["a fox", "a tree"]
        assert [(problem.line, problem.reason) for problem in reading.problems] == [
            (2, "parameter_unreadable"),
            (4, "parameters_without_idea"),
        ]

    def test_each_idea_is_known_by_its_line_also_after_others_were_left_out(self):
        assert read("a fox\n\na boat --seed x\n{a,b} tree\na cat").lines == (1, 4, 4, 5)

    def test_one_that_is_far_too_long_is_told(self):
        assert [problem.reason for problem in read("a fox\n" + "x" * 100_000).problems] == ["idea_too_long"]

    def test_too_many_are_refused_with_their_number(self):
        assert refused("a fox\n" * (MAX_LINES + 1)) == (
            "batch_too_many_lines",
            {"n": MAX_LINES + 1, "most": MAX_LINES},
        )

    def test_too_many_pictures_are_refused_with_their_number(self):
        assert refused("a fox --n 10\n" * 101) == ("batch_too_many_pictures", {"n": 1010, "most": 1000})

    @pytest.mark.parametrize("nothing", ["", " \n\t\n", "--ar 16:9"])
    def test_none_at_all_is_refused(self, nothing):
        assert refused(nothing)[0] == "batch_empty"

    @pytest.mark.parametrize("marker", ["1. ", "12) ", "- ", "* ", "• "])
    def test_of_a_list_are_ideas_without_their_markers(self, marker):
        assert ideas(read(f"{marker}a fox in the snow\n{marker}a cat")) == ["a fox in the snow", "a cat"]

    @pytest.mark.parametrize("text", ["- a fox", "a fox\n2. a cat", "1984 posters\n2001 posters", "-a fox\n-a cat"])
    def test_that_only_look_like_items_of_a_list_stay_as_they_are(self, text):
        assert ideas(read(text)) == text.splitlines()

    def test_around_fences_are_left_out_and_that_is_told(self):
        reading = read("Here are the prompts:\n```text\n1. a fox\n2. a cat\n```\nEnjoy!\n```\n- a dog\n- a hen\n```")

        assert ideas(reading) == ["a fox", "a cat", "a dog", "a hen"]
        assert [hint.reason for hint in reading.hints] == ["batch_hint_fences"]

    def test_between_fences_are_a_list_as_well(self):
        assert ideas(read("Here:\n```\n1. a fox\n2. a cat\n```")) == ["a fox", "a cat"]

    def test_after_a_fence_without_its_end_are_ideas(self):
        assert ideas(read("a fox\n```\na cat")) == ["a fox", "```", "a cat"]


class TestNamesOfOtherPrograms:
    @pytest.mark.parametrize(
        ("content", "name"),
        [
            ("Prompt,ar\na fox,16:9\n", "ideas.csv"),
            ("prompt\tar\na fox\t16:9\n", "ideas.txt"),
            ('{"prompt": "a fox", "ar": "16:9"}\n', "ideas.jsonl"),
        ],
    )
    def test_a_prompt_is_an_idea(self, content, name):
        [request] = read(content, name).requests

        assert (request.idea, request.parameters.ratio) == ("a fox", (16, 9))

    def test_a_prompt_beside_an_idea_is_another_column(self):
        reading = read("idea,prompt\na fox,a red fox\n", "ideas.csv")

        assert ideas(reading) == ["a fox"]
        assert [hint.reason for hint in reading.hints] == ["batch_hint_columns"]

    @pytest.mark.parametrize("text", ['{"subject": "a fox", "style": "noir"}\n', '{\n "subject": "a fox"\n}'])
    def test_objects_in_a_text_file_are_no_ideas(self, text):
        reading = read(text, "ideas.txt")

        assert ideas(reading) == []
        assert [problem.reason for problem in reading.problems] == ["batch_line_without_idea"]

    def test_objects_in_a_text_file_may_have_ideas(self):
        assert ideas(read('{"idea": "a fox"}\n{"idea": "a cat"}\n', "ideas.txt")) == ["a fox", "a cat"]

    @pytest.mark.parametrize("text", ["{red,blue} boat", "[a fox] in brackets"])
    def test_braces_and_brackets_of_an_idea_stay(self, text):
        assert read(text, "ideas.txt").requests


class TestChoices:
    def test_every_one_goes_with_every_other(self):
        reading = read("{red,blue} car --ar {1:1,16:9}")

        assert [(request.idea, request.parameters.ratio) for request in reading.requests] == [
            ("red car", (1, 1)),
            ("red car", (16, 9)),
            ("blue car", (1, 1)),
            ("blue car", (16, 9)),
        ]

    def test_shared_ones_multiply_every_line(self):
        assert [request.parameters.seed for request in read("--seed {1,2}\na fox\na boat").requests] == [1, 2, 1, 2]

    @pytest.mark.parametrize(
        ("line", "made"),
        [
            (r"\{red,blue\} car", ["{red,blue} car"]),
            (r"{a\,b,c} x", ["a,b x", "c x"]),
            ("{red} car", ["{red} car"]),
            ("a } b { c", ["a } b { c"]),
            ("{a,} fox", ["a fox", " fox"]),
        ],
    )
    def test_braces_and_commas_can_be_just_that(self, line, made):
        assert list(expand(line)) == made

    def test_one_in_another_is_told(self):
        assert [problem.reason for problem in read("{a,{b,c}} car\na fox").problems] == ["batch_nested_group"]

    def test_they_are_counted_before_they_are_written_out(self):
        assert variants("{a,b}" * 20) == 2**20
        assert refused("{a,b}" * 20)[0] == "batch_too_many_pictures"

    @pytest.mark.parametrize("shared", ["", "--no {a,b} " + "{a,b}" * 300])
    @pytest.mark.parametrize("groups", [64, 600])
    def test_far_too_many_are_refused_with_a_number_that_can_be_said(self, groups: int, shared: str):
        with pytest.raises(BadBatch) as caught:
            read_batch("{a,b}" * groups, None, Catalogue(None), Styles(None), shared=shared)

        assert "1,000,000,000" in say(caught.value.reason, "en", **caught.value.values)


class TestTables:
    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_they_are_read_however_they_were_saved(self, separator, encoding, end):
        rows = [
            ["Idea", "AR", "seed", "n"],
            ['ein "Fuchs"; grün, schön\t!', "16:9", "7", "2"],
            [],
            ["a boat", "", "", ""],
        ]
        table = io.StringIO()
        csv.writer(table, delimiter=separator, lineterminator=end).writerows(rows)

        reading = read(table.getvalue().encode(encoding), "ideas.CSV")

        assert ideas(reading) == ['ein "Fuchs"; grün, schön !', "a boat"]
        assert reading.requests[0].parameters.ratio == (16, 9)
        assert reading.requests[0].parameters.seed == 7
        assert reading.pictures == 3
        assert reading.problems == ()

    def test_all_columns_count(self):
        reading = read(
            b'idea,ar,seed,model,n,no,style,steps,cfg,raw\na fox,3:2,1,FLUX.1-dev,1,"text, people",noir,20,4,yes\n',
            "a.csv",
        )

        given = reading.requests[0].parameters
        assert (given.ratio, given.seed, given.negative, given.style) == ((3, 2), 1, "text, people", "noir")
        assert (given.steps, given.guidance, given.raw) == (20, 4.0, True)
        assert given.model is not None
        assert given.model.endswith("FLUX.1-dev")

    def test_a_column_that_we_do_not_know_is_told(self):
        assert [hint.reason for hint in read(b"idea,colour\na fox,red\n", "a.csv").hints] == ["batch_hint_columns"]

    def test_problems_have_the_line_of_the_file(self):
        content = b'sep=;\r\nidea;seed\r\n"a\r\nfox";1\r\n;5\r\na boat;x\r\na tree;1;2\r\n'
        reading = read(content, "a.csv")

        assert ideas(reading) == ["a fox"]
        assert [(problem.line, problem.reason) for problem in reading.problems] == [
            (5, "batch_line_without_idea"),
            (6, "parameter_unreadable"),
            (7, "batch_too_many_cells"),
        ]

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "batch_empty"),
            (b"\xef\xbb\xbf\r\n\r\n", "batch_empty"),
            (b"idea\n", "batch_empty"),
            (b"a fox,16:9\n", "batch_no_idea_column"),
            (b"idea,idea\na,b\n", "batch_column_twice"),
            (b"idea\n" + b'"a" fox\n' * 30, "batch_csv_broken"),
            (b"idea\n" + bytes(range(0x80, 0x100)), "batch_encoding_unknown"),
            (b"idea\n" + b"a fox\n" * (MAX_LINES + 1), "batch_too_many_lines"),
            (b"PK\x03\x04\x14\0\0\0", "batch_not_text"),
            (b"idea\na \0 fox", "batch_not_text"),
            (b'<?xml version="1.0"?><Workbook></Workbook>', "batch_not_text"),
            (b"\n<HTML><table><tr><td>idea</td></tr></table></HTML>", "batch_not_text"),
            (bytes(range(256)), "batch_not_text"),
            (b" " * (MAX_FILE_BYTES + 1), "batch_file_too_large"),
        ],
    )
    def test_what_can_not_be_read_is_refused_with_the_reason(self, content, reason):
        assert refused(content, "ideas.csv")[0] == reason

    def test_a_row_whose_quotes_do_not_fit_is_told_and_left_out(self):
        reading = read(b'idea,ar\n"fox" in snow,16:9\na cat,1:1\n"a dog,1:1\na hen,1:1\n', "ideas.csv")

        assert ideas(reading) == ["a cat", "a hen"]
        assert [(one.line, one.reason) for one in reading.problems] == [(2, "batch_line_csv"), (4, "batch_line_csv")]

    def test_an_encoding_that_was_guessed_is_told_with_what_it_makes_of_the_first_idea(self):
        reading = read("idea;ar\r\nрыжая лиса;16:9\r\n".encode("cp1251"), "ideas.csv")

        assert ideas(reading) == ["рыжая лиса"]
        assert reading.hints[0].reason == "batch_hint_encoding"
        assert reading.hints[0].values == {"encoding": "cp1251", "words": "рыжая лиса"}


class TestLettersThatNoTextHas:
    def test_the_end_that_dos_writes_is_none(self):
        assert ideas(read(b"a fox\r\na cat\r\n\x1a", "ideas.txt")) == ["a fox", "a cat"]

    @pytest.mark.parametrize("name", ["ideas.txt", "ideas.csv"])
    @pytest.mark.parametrize("odd", [b"\x1b[0m", b"\xff"], ids=["a control character", "a byte that is no letter"])
    def test_one_spoils_its_own_line_alone(self, name, odd):
        reading = read(b"idea\n" + "лиса\n".encode() + b"a " + odd + b"cat\na dog\n", name)

        assert ideas(reading)[-2:] == ["лиса", "a dog"]
        assert [(problem.line, problem.reason) for problem in reading.problems] == [(3, "batch_line_odd")]


class TestObjects:
    def test_each_line_is_one(self):
        reading = read(b'{"idea": "a fox", "ar": "16:9", "seed": 7, "raw": true}\n\n"a boat"\n', "a.jsonl")

        assert ideas(reading) == ["a fox", "a boat"]
        assert reading.requests[0].parameters.raw
        assert reading.requests[0].parameters.seed == 7

    @pytest.mark.parametrize(
        "content",
        [
            '["a fox", {"idea": "a boat"}]',
            '[\n  {"idea": "a fox"},\n  {\n    "idea": "a boat",\n    "n": 1\n  }\n]\n',
            '[{"idea": "a fox"},\n {"idea": "a boat"},]',
            '[{"idea": "a fox"}\n{"idea": "a boat"}',
        ],
        ids=["on one line", "over many", "a comma too many", "one too few and no end"],
    )
    def test_an_array_holds_them_too(self, content):
        reading = read(content.encode(), "ideas.json")

        assert (ideas(reading), reading.problems) == (["a fox", "a boat"], ())

    def test_one_that_stands_over_several_lines_alone_is_one(self):
        assert ideas(read(b'{\n  "idea": "a fox",\n  "ar": "16:9"\n}\n', "ideas.json")) == ["a fox"]

    def test_of_an_array_what_is_broken_is_told_and_left_out(self):
        content = b'[\n  {"idea": "a fox"},\n  {"idea": oops,\n   "ar": "1:1"},\n  {"idea": "a boat"},\n  [1]\n]\n'
        reading = read(content, "ideas.json")

        assert ideas(reading) == ["a fox", "a boat"]
        assert [problem.line for problem in reading.problems] == [3, 6]

    def test_what_is_none_is_told(self):
        reading = read(b'{"idea": "a fox"}\n[1]\n{"idea": ["a"]}\n{\n{"seed": 1}\n' + b"[" * 100_000, "a.jsonl")

        assert [problem.line for problem in reading.problems] == [2, 3, 4, 5, 6]


class TestAnything:
    @settings(deadline=None)
    @given(
        content=st.one_of(
            st.binary(max_size=300),
            st.text(max_size=300),
            st.text(alphabet='{},\\;"\n\t -arseedn:0123456789 fox', max_size=200),
            st.text(alphabet='{},\\;"\n -seedn:0123 ', max_size=200).map(lambda text: f"idea;seed\n{text}"),
        ),
        name=st.sampled_from([None, "a", "a.csv", "a.tsv", "a.jsonl", "a.txt", "a.xlsx"]),
        shared=st.sampled_from(["", "--ar 16:9", "--seed {1,2}", "words", "--no", "{"]),
    )
    def test_is_read_or_refused(self, content, name, shared):
        try:
            reading = read(content, name, shared=shared, limit=50)
        except (BadBatch, BadParameter):
            return
        assert reading.requests or reading.problems
        assert reading.pictures <= 50

    @given(st.text(max_size=80))
    def test_has_a_name_that_every_file_system_takes(self, idea):
        assert slug(idea)
        assert set(slug(idea)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")

    @given(st.text(alphabet=st.characters(exclude_categories=["C", "Z"]), max_size=50))
    def test_that_was_written_as_utf_8_is_decoded(self, text):
        assert decode(text.encode()).text == text.removeprefix("\ufeff")


class TestTheManifest:
    def test_it_tells_of_the_lines_that_were_left_out(self):
        skipped = [Problem(7, "idea_too_long", {"n": 1000})]

        [row] = csv.DictReader(io.StringIO(write_manifest([], skipped)))

        assert (row["line"], row["outcome"], row["reason"]) == ("of the file: 7", "skipped", "idea_too_long")

    def test_it_tells_of_every_picture(self):
        recipe = Recipe("org/model", "fal-ai", "a fox", seed=7)
        done = a_job(
            request=Request("Ein Füchs, rot"), state=State.FINISHED, prompt=Prompt("a red fox"), recipe=recipe, line=0,
            batch_id=1, image_key="000000/1.png", media_type="image/png",
        )  # fmt: skip
        failed = a_job(request=Request("a boat", count=2), number=1, state=State.FAILED, reason="bad_picture", line=8)

        rows = list(csv.DictReader(io.StringIO(write_manifest([done, failed]))))

        assert [row["outcome"] for row in rows] == ["done", "failed"]
        assert rows[0]["file"] == file_name(done) == "0001-ein-fuchs-rot.png"
        assert (rows[0]["prompt"], rows[0]["seed"], rows[0]["model"]) == ("a red fox", "7", "org/model")
        assert (rows[1]["line"], rows[1]["number"], rows[1]["reason"]) == ("9", "2", "bad_picture")
        assert file_name(failed) == "0009-2-a-boat.jpg"
