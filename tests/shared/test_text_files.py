"""Text files are read as the people who sent them wrote them, whatever their programs call an encoding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text_files import DAMAGED, Text, may_be_text, read_text

RUSSIAN = "idea;ar\r\nрыжая лиса в снегу;16:9\r\nкот в космосе;1:1\r\n"
CHINESE = "idea,ar\r\n雪中的红狐狸,16:9\r\n太空中的猫,1:1\r\n"
POLISH = "idea;ar\r\nźródło w górach;16:9\r\nżółw\r\n"
GERMAN = "idea;ar\r\nein Fuchs im Schnee, schön;16:9\r\n"
ARABIC = "idea;ar\r\nثعلب أحمر في الثلج;16:9\r\n"


class TestWhatTheFileSays:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
    @pytest.mark.parametrize("text", [RUSSIAN, GERMAN, "a red fox\r\na cat\r\n"])
    def test_is_believed(self, text: str, encoding: str) -> None:
        written = text.encode(encoding)

        assert read_text(written) == Text(text)
        assert may_be_text(written)


class TestWhatItDoesNotSay:
    @pytest.mark.parametrize(
        ("text", "encoding", "name"),
        [
            (RUSSIAN, "cp1251", "cp1251"),
            ("рыжая лиса\r\n", "cp1251", "cp1251"),
            ("РЫЖАЯ ЛИСА\r\nКот", "cp1251", "cp1251"),
            (RUSSIAN, "koi8-r", "koi8_r"),
            (RUSSIAN, "cp866", "cp866"),
            (RUSSIAN * 400, "cp1251", "cp1251"),
            (CHINESE, "gbk", "gb18030"),
            (CHINESE * 400, "gbk", "gb18030"),
            ("雪中的紅狐狸\r\n太空中的貓\r\n", "big5", "big5"),
            ("赤い狐と雪\r\n宇宙の猫\r\n", "shift_jis", "cp932"),
            (ARABIC, "cp1256", "cp1256"),
            (POLISH, "cp1250", "cp1250"),
            ("liška ve sněhu\r\nkůň\r\n", "cp1250", "cp1250"),
            (GERMAN, "cp1252", "cp1252"),
            ("un renard dans la neige, été\r\nl’île où naît\r\n", "cp1252", "cp1252"),
            ("¿un zorro en la nieve, señor?\r\nniño", "cp1252", "cp1252"),
            ("SÃO PAULO, coração", "cp1252", "cp1252"),
            ("a fox – in the snow", "cp1252", "cp1252"),
            (GERMAN, "mac_roman", "mac_roman"),
            ("un renard à la ferme\r\n", "cp1252", "cp1252"),
            ("é noite e é frio\r\n", "cp1252", "cp1252"),
            ("un gatto è bello\r\n", "mac_roman", "mac_roman"),
            ("кот и лиса\r\n", "cp1251", "cp1251"),
        ],
    )
    def test_its_letters_tell(self, text: str, encoding: str, name: str) -> None:
        assert read_text(text.encode(encoding)) == Text(text, name)

    @pytest.mark.parametrize("content", [bytes(range(128, 256)), b"\xff\xfe\x00", b"\xb2\xa6\xac\xff" * 10])
    def test_what_no_letters_tell_is_not_read(self, content: bytes) -> None:
        assert read_text(content) is None

    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
    def test_a_few_bytes_that_are_no_letter_spoil_no_file_in_utf_8(self, mark: bytes) -> None:
        content = mark + "рыжая лиса\nкот \udcff на крыше\n".encode(errors="surrogateescape")

        assert read_text(content) == Text(f"рыжая лиса\nкот {DAMAGED} на крыше\n")

    @given(st.binary(max_size=200))
    def test_whatever_comes_is_read_or_not(self, content: bytes) -> None:
        read = read_text(content)

        assert read is None or isinstance(read.text, str)
