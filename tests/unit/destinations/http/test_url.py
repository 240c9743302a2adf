"""URLs with templates, and routing keys that carry values."""

from __future__ import annotations

import pytest

from logferry.destinations.http.url import (
    TemplateInPlace,
    UrlTemplate,
    ValueTemplate,
    key_template,
    values_of_key,
)


def test_a_static_url_has_no_expressions():
    url = UrlTemplate("http://logs.example.com:8080/api/logs")
    assert url.is_static
    assert url.fill_encoded({}) == "http://logs.example.com:8080/api/logs"


def test_expressions_in_path_query_and_fragment_are_filled():
    url = UrlTemplate("https://h/${HOST}/x?p=$PROGRAM#$(length $MSG)")
    values = {"${HOST}": "a%2Fb", "${PROGRAM}": "su", '$(length "$MSG")': "7"}
    assert url.expressions == tuple(values)
    assert url.fill_encoded(values) == "https://h/a%2Fb/x?p=su#7"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("${X}://h/", "scheme"),
        ("http${X}://h/", "scheme"),
        ("http://$HOST/", "host"),
        ("http://a.${X:-b/c}.d/", "host"),
        ("http://[$X]/", "host"),
        ("http://h:$PORT/", "port"),
        ("http://$U:p@h/", "user"),
        ("http://u:$P@h/", "password"),
        ("http://u:p$(echo x)@h/", "password"),
    ],
)
def test_expressions_elsewhere_are_refused_by_name(text: str, part: str):
    with pytest.raises(TemplateInPlace, match=f"^{part} part of URL cannot contain"):
        UrlTemplate(text)


@pytest.mark.parametrize(
    "text", ["logs.example.com", "ftp://h/", "http:///x", "http://h:0/", "http://h:x/"]
)
def test_what_is_no_url_is_refused(text: str):
    with pytest.raises(TemplateInPlace):
        UrlTemplate(text)


def test_credentials_are_taken_out_of_the_url():
    url = UrlTemplate("http://us%40er:p%3Aw@h:81/${HOST}")
    assert (url.user, url.password) == ("us@er", "p:w")
    assert url.name == "http://h:81/${HOST}"
    assert url.base == "http://h:81"
    assert url.fill_encoded({"${HOST}": "x"}) == "http://h:81/x"


def test_an_at_sign_in_the_path_is_no_credential():
    assert UrlTemplate("http://h/a@b").name == "http://h/a@b"


def test_a_key_gives_back_the_values_of_its_expressions():
    text = key_template(["${HOST}", '$(x "a b")', "${HOST}"])
    assert text.count("${HOST}") == 1
    key = text.replace("=${HOST}", "=we%2Fb").replace('=$(x "a b")', "=1%20%26")
    values = values_of_key(key.encode())
    assert values == {"${HOST}": "we%2Fb", '$(x "a b")': "1%20%26"}
    template = ValueTemplate('$HOST-$(x "a b")')
    assert template.fill(values) == "we/b-1 &"


def test_an_expression_that_a_stored_key_does_not_know_is_empty():
    assert UrlTemplate("http://h/$NEW/x").fill_encoded({"${OLD}": "1"}) == "http://h//x"


def test_an_empty_key_has_no_values():
    assert values_of_key(b"") == {}


def test_invalid_bytes_of_a_value_survive():
    values = values_of_key(b"%24%7BX%7D=%FF")
    assert (
        ValueTemplate("$X").fill(values).encode("utf-8", "surrogateescape") == b"\xff"
    )


def test_literal_parts_are_left_as_typed_but_for_what_cannot_be_sent():
    url = UrlTemplate("http://h:1/a b/%20/é?q=x y&z=$$1/${HOST}")
    filled = url.fill_encoded({"${HOST}": "w%201"})
    assert filled == "http://h:1/a%20b/%20/%C3%A9?q=x%20y&z=$1/w%201"


def test_host_names_of_all_alphabets_are_sent_as_the_dns_has_them():
    assert UrlTemplate("http://bücher.test/").fill_encoded({}) == (
        "http://xn--bcher-kva.test/"
    )


def test_an_address_with_a_port_needs_no_scheme() -> None:
    assert UrlTemplate("127.0.0.1:8080/logs").base == "http://127.0.0.1:8080"
    assert UrlTemplate("logs.example:9200").base == "http://logs.example:9200"


def test_a_name_with_a_port_is_a_url_of_http():
    assert UrlTemplate("my_service:9200/x").base == "http://my_service:9200"
