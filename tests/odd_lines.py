"""Set-Cookie lines that were seen to be read in more than one way, by hand.

Each case is a line, as latin-1 text, and a Date header for its response (empty for none).
"""

from __future__ import annotations

import itertools
import time

from consentgate.set_cookie import imf_fixdate

DAY = 86_400
_SOON = int(time.time()) + 100 * DAY
_DATE = imf_fixdate(_SOON)
_LATE = imf_fixdate(_SOON + 800 * DAY)
_PAST = "Thu, 01 Jan 1970 00:00:00 GMT"
_HUGE = "9" * 20

_NAMES = [
    *("_ga", "=_ga=1", "==_ga=1", "=x", "=", "_ga=", "_ga =1", "_ga\t=1", "\t_ga=1", " _ga=1"),
    *('"_ga"=1', "'_ga'=1", '"_ga=1"', '"_ga";x=1', "_ga==1", "_GA=1", "_g a=1", "_ga x=1"),
    *("_ga,=1", "_ga:=1", "(_ga)=1", "_ga[0]=1", "_g@a=1", "_%67a=1", "$_ga=1", "\x85_ga=1"),
    *(";_ga=1", " ;_ga=1", "Max-Age=100; _ga=1", "Path=/; _ga=1", "Secure; _ga=1", "_ga;Path=/"),
    *("_ga\xe9=1", "\xe9_ga=1", "_ga\xc3\xa9=1", "\xa0_ga=1", "_ga\xa0=1", "_ga\xc2\xa0=1"),
    *(
        "\xef\xbb\xbf_ga=1",
        "_ga\xe2\x80\x8b=1",
        "\xe3\x80\x80_ga=1",
        "_ga\xef\xbc\x9d1",
        "_ga\x85=1",
    ),
    *("__Host-_ga=1", "__Secure-_ga=1; Secure", "__host-_ga=1; Secure; Path=/", "_ga=1, _fbp=2"),
]
_VALUES = [
    *('"1"', '"1', '1"', '"a;b"', '"a; Max-Age=100"', '"a; Max-Age=99999999; b"', '"a\\"', "1 2"),
    *(
        "1,2",
        "a\\b",
        '{"a": 1}',
        "\xe9",
        "\xff\xfe",
        "\xc3\xa9",
        "1\xa0",
        " 1 ",
        "1\t2",
        "x" * 4090,
    ),
    *("x" * 4093, "x" * 4094, "x" * 9000),
]
_NUMBERS = [
    *("100", "+100", "-", "--5", "-0", "-5", "- 5", "0", "00", "00100", "1e3", "100.0", "100abc"),
    *("", "abc", '"100"', '"100', "'100'", "100 200", "100,200", "1_00", "0x64", "=100", "100=200"),
    *("31536000", "33955200", "33955201", "34560001", "2147483648", "4294967396", "9223372036854"),
    *("9223372036854775808", _HUGE, f"{_HUGE}abc", f"-{_HUGE}", f"-{_HUGE}abc", f"+{_HUGE}"),
    *(f"{_HUGE}.5", f"{_HUGE} 1", "0" * 1020 + "99999999", "0" * 2000 + "99999999", "10\xb2"),
    *("\xa0100", "100\xa0", " 99999999 ", "\t99999999\t", "99999999,"),
]
_ODD_DATES = [
    *("12/25/2090", "12/25/2026", "01/03/2027", "Mar 01 2090", "01 Mar 2090", "01 Mar 2090 23"),
    *("01 Mar 2090 23:50", "01 Mar 2090 11:50:00 PM", "1 Jan 90", "20900101", "2090-03-01"),
    *("2090-03-01T23:50:00Z", "0", "-1", "1803945000", "session", "never", "tomorrow", ""),
    *("Sunday, 18-Nov-68 10:00:00 GMT", "Sun Nov 18 10:00:00 2090", "18 Nov 2090 10:00:00 EST"),
    *("Thu, 31 Feb 2090 10:00:00 GMT", "Fri, 00 Jan 2090 10:00:00 GMT", "1 Jan 10000 00:00:00"),
    *("Mon, 01 Mar 2090 24:00:00 GMT", "Mon, 01 Mar 2090 23:59:60 GMT", "1 Jan 1600 00:00:00"),
    *("01 Mar 2090; 23:50:00", "01 Mar 02090 23:50:00", "01 Mar 2090 023:50:00", "01 Jan 1970"),
    *("Mon,_01_Mar_2090_23:50:00_GMT", "Mon,\t01\tMar\t2090\t23:50:00\tGMT", "1 Jan 99999 1:1:1"),
    *("01th Mar 2090 23:50:00", "01 Mar 2090x 23:50:00", "01 Mar 2090 23:50:00x"),
]
_DATES = [
    *(_DATE, _LATE, _PAST, f'"{_LATE}"', f"({_LATE})", f"{_LATE} trailing", f"{_LATE}, {_PAST}"),
    *(_LATE.lower(), _LATE.upper(), _LATE.replace("GMT", "+0200"), _LATE.replace("GMT", "EST")),
    *(_LATE.replace(" ", "  "), _LATE.replace(" ", ""), f"Xyz{_LATE[3:]}", f"{_LATE}+9999"),
]
_DATE_HEADERS = [
    *(imf_fixdate(_SOON - 465 * DAY), imf_fixdate(_SOON + 265 * DAY), _PAST, "10/02/2026", "x"),
    *("Mon, 01 Jan 1601 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"),
]
_MAX_AGES = ["Max-Age=100", "Max-Age=abc", "Max-Age=0", "Max-Age=", "Max-Age", f"Max-Age={_HUGE}"]
_MAX_AGES += [f"Max-Age={_HUGE}abc", "Max-Age=+100", "Max-Age=100.0", 'Max-Age="100"', "Max-Age=-"]
_EXPIRES = [f"Expires={_LATE}", f"Expires={_PAST}", "Expires=bad", "Expires=0", "Expires"]
_ATTRIBUTES = [
    *("MAX-AGE=99999999", "max-age = 99999999", "Max-Age\xa0=99999999", "\xa0Max-Age=99999999"),
    *("Max -Age=99999999", '"Max-Age"=99999999', "Max-Age:99999999", "Max-Age 99999999"),
    *(
        "Ma\xc5\xbf-Age=99999999",
        "expire\xc5\xbf=" + _LATE,
        "Expires:" + _LATE,
        "=Max-Age=99999999",
    ),
    *(";;;Max-Age=99999999", "x=" + "y" * 2000 + "; Max-Age=99999999", "Path=" + "/" * 2000),
    *(
        "Path=/a; Path=/",
        "Domain=; Max-Age=99999999",
        "Path=/xpires=" + _LATE,
        "x expires=" + _LATE,
    ),
    *("a;" * 10_000 + "Max-Age=99999999", "Secure=false", "SameSite=x", "Priority=High"),
    *("Max-Age=99999999, b=2", "x, Max-Age=99999999", "Expires=" + _LATE + "; Expires=" + _PAST),
]
_CONTROLS = [chr(code) for code in (*range(1, 10), 11, 12, *range(14, 32), 127)]
_PLACES = ["_g{}a=1", "{}_ga=1", "_ga{}=1", "_ga=1{}2", "_ga=1; Max-Age{}=99999999", "_ga=1{}"]
_PLACES += ["_ga=1; x{}y; Max-Age=99999999", "_ga=1; Max-Age=99999999{}"]


def cases() -> list[tuple[str, str]]:
    """Return every case once."""
    lines = [
        *_NAMES,
        *(f"{name}; Max-Age=99999999" for name in _NAMES),
        *(f"_ga={value}; Max-Age=100" for value in _VALUES),
        *(f"_ga=1; Max-Age={number}" for number in _NUMBERS),
        *(f"_ga=1; Expires={date}" for date in _DATES + _ODD_DATES),
        *(f"_ga=1; {attribute}" for attribute in _ATTRIBUTES),
        *(f"_ga=1; {a}; {b}" for a, b in itertools.product(_MAX_AGES, _MAX_AGES)),
        *(f"_ga=1; {a}; {b}" for a, b in itertools.product(_EXPIRES, _MAX_AGES)),
        *(f"_ga=1; {a}; {b}" for a, b in itertools.product(_MAX_AGES, _EXPIRES)),
        *(f"_ga=1; {a}; {b}" for a, b in itertools.product(_EXPIRES, _EXPIRES)),
        *(place.format(control) for place in _PLACES for control in _CONTROLS),
    ]
    shifted = [
        (f"_ga=1; {attributes}", header)
        for header in _DATE_HEADERS
        for attributes in (*_EXPIRES, f"Expires={_DATE}", f"Expires={_LATE}; Max-Age=100")
    ]
    return [*((line, "") for line in dict.fromkeys(lines)), *shifted]
