"""Texts that are almost JSON, after RFC 8259, wherever a value may stand."""

BAD = (
    # numbers
    b"+1", b".5", b"1.", b"01", b"-01", b"00", b"-", b"--1", b"-.5", b"-a", b"1e", b"1e+",
    b"1E-", b"1ee2", b"1e2.5", b"1.2.3", b"1_000", b"1,000", b"0x1F", b"0b1", b"0o7",
    b"1f", b"1L", b"1 2", b"NaN", b"-NaN", b"nan",
    b"Infinity", b"-Infinity", b"inf", b"\xef\xbc\x91",
    # words
    b"tru", b"True", b"TRUE", b"truefalse", b"fals", b"nul", b"None", b"undefined",
    b"yes", b"bare",
    # strings
    b'"', b'"open', b"'single'", b'"""', b'"\\', b'"\\"', b'"\\x41"', b'"\\a"', b'"\\0"',
    b'"\\u"', b'"\\u12"', b'"\\u12G4"', b'"\\U00000041"', b'"\\ud800"', b'"\\udc00"',
    b'"\\ud800\\ud800"', b'"\\ud800x"', b'"\\ud83d\\u0041"', b'"a\nb"', b'"a\tb"',
    b'"a\rb"', b'"\0"', b'"\x1f"', b'"\x80"', b'"\xc3"', b'"\xc3("', b'"\xed\xa0\x80"',
    b'"\xc0\xaf"', b'"\xf4\x90\x80\x80"', b'"\xff\xfe"', b'"a" "b"', b'"a"b',
    # arrays
    b"[", b"]", b"[1", b"1]", b"[1,]", b"[,1]", b"[,]", b"[1,,2]", b"[1 2]", b"[1;2]",
    b"[1}", b"[[1]", b"[1]]", b"(1)", b"<1>", b"[" * 70 + b"]" * 70,
    # objects
    b"{", b'{"a"}', b'{"a":}', b"{:1}", b"{a:1}", b"{'a':1}", b'{"a":1,}', b"{,}",
    b'{"a" 1}', b'{"a"::1}', b'{"a":1 "b":2}', b'{"a":1;"b":2}', b'{"a":1]', b'{"a":1',
    b"{1:1}", b"{null:1}", b'{["a"]:1}', b'{"a":1}}', b'{"a":1},', b'{"a"=1}',
    b'{"a":' * 70 + b"1" + b"}" * 70,
    # around them
    b"", b"//c\n1", b"1//c", b"/*c*/1", b"#c\n1", b"\xef\xbb\xbf1", b"\x0c1", b"\xc2\xa01",
    b"\xe2\x80\xa81", b"1\0", b"\x001", b";", b",", b":", b"1;", b"\xff", b"\x80",
)  # fmt: skip

TOO_LARGE = (b"1e400", b"-1e400", b"1" * 5000, b"-" + b"9" * 5000)
"""Numbers that JSON allows and nothing holds."""

GOOD = (
    b"0", b"-0", b"1", b"-1", b"1.5", b"1e2", b"1E+2", b"1e-2", b"0.1e1", b"-0.0",
    b"9007199254740993", b"true", b"false", b"null", b'""', b'"a"', b'"\\u0000"',
    b'"\\"\\\\\\/\\b\\f\\n\\r\\t"', b'"\\ud83d\\ude00"', b'"\xf0\x9f\x98\x80"',
    b'"\x7f"', b'"\\u2028"', b'"\xe2\x80\xa8"', b'"\xef\xbf\xbf"', b"[]", b"[[]]",
    b" [ 1 ,\t2\r\n] ", b"{}", b'{"":0}', b'{"a":{"b":[null]}}', b'{"\\u0061":1}',
    b"[" * 60 + b"]" * 60,
)  # fmt: skip

PLACES = {  # where somebody reads the value
    "value": b'{"type":"answer","approval_id":"a","value":%s}',
    "in a list": b'{"type":"node_input","node_id":"A","data":[0,%s]}',
    "in an object": b'{"type":"start_workflow","workflow":"w","params":{"p":%s}}',
    "bare message": b'{"session_id":"s","message":%s}',
}
SKIPPED = {
    "unknown field": b'{"type":"ping","other":%s}',
    "before the type": b'{"other":%s,"type":"ping"}',
}
