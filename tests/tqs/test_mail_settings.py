"""Addresses and mail servers: what can be used is read, what cannot is refused in words without a password."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tqs.errors import SettingsError
from tqs.mail_settings import SmtpServer, read_address, read_addresses, read_sender, read_smtp_url
from tqs.settings import load_settings


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.com", SmtpServer("mail.example.com", 587, "if offered")),
        ("smtp://10.0.0.1:25/", SmtpServer("10.0.0.1", 25, "if offered")),
        ("smtp://[::1]:2525", SmtpServer("::1", 2525, "if offered")),
        ("smtps://apikey:SG.a%2Fb%40c@h", SmtpServer("h", 465, "tls", "apikey", "SG.a/b@c")),
        ("smtp://u:p@h?starttls=required&timeout=2.5", SmtpServer("h", 587, "starttls", "u", "p", 2.5)),
    ],
)
def test_mail_servers(url: str, server: SmtpServer) -> None:
    assert read_smtp_url(url) == server


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://mail.example.com", "must begin with smtp://"),
        ("mail.example.com:25", "must begin with smtp://"),
        ("smtp://", "is no address of a mail server"),
        ("smtp://h:99999", "is no address of a mail server"),
        ("smtp://h:0", "is no address of a mail server"),
        ("smtp://h/inbox", "is no address of a mail server"),
        ("smtp://u:hunter2/x@h", "is no address of a mail server"),  # the slash ends the host
        ("smtp://hunter2@h", "a user without a password"),
        ("smtp://:hunter2@h", "a password without a user"),
        ("smtp://u:hunter2@h?tls=1", "the unknown option 'tls'"),
        ("smtp://h?starttls=no", "may say starttls=required"),
        ("smtps://h?starttls=required", "with smtp:// only"),
        ("smtp://h?timeout=0", "a timeout that is no number of seconds"),
        ("smtp://h?timeout=inf", "a timeout that is no number of seconds"),
        ("smtp://h?timeout=61", "up to 60"),
    ],
)
def test_what_is_no_mail_server(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        read_smtp_url(url)
    assert "hunter2" not in str(caught.value)


def test_addresses_are_read_once_each_with_the_domain_as_the_dns_has_it() -> None:
    assert read_addresses(" a@x.org, B@x.org ,b@X.ORG,, jürgen@bücher.example,") == (
        "a@x.org",
        "B@x.org",
        "jürgen@xn--bcher-kva.example",
    )


@pytest.mark.parametrize(
    "address",
    [
        *("a", "a@", "@b.org", "a b@c.org", "a@b c.org", "a@@b.org", "a@b..org", "a@-b.org", ".a@b.org", "a.@b.org"),
        *("a..b@c.org", "Ann <a@b.org>", '"a"@b.org', "a@b.org\r\nBcc: c@d.org", "a\n@b.org", "a\u2028@b.org", "a\0@b"),
        *("a,b@c.org", "a@[127.0.0.1]", "ä" * 33 + "@b.org", "a@" + "b" * 64 + ".org", "a@" + "bcdefg." * 36 + "org"),
    ],
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match=r"is no e-mail address|is too long"):
        read_address(address)


@given(st.text())
def test_an_address_never_breaks_a_line(text: str) -> None:
    try:
        address = read_address(text + "@example.com")
    except ValueError:
        return
    assert len(address.splitlines()) == 1
    assert not set(address) & set("\0\r\n <>,;")


def test_senders() -> None:
    assert read_sender("Tutor Quality <Reports@Example.com>") == ("Tutor Quality", "Reports@example.com")
    assert read_sender("reports@example.com") == ("", "reports@example.com")
    for wrong in ("Tutor Quality", "A <a@b.org>\r\nBcc: c@d.org", "A <a b@c.org>", "A\n <a@b.org>"):
        with pytest.raises(ValueError, match="is no"):
            read_sender(wrong)


MAIL = (
    "SMTP_URL",
    "MAIL_FROM",
    "REPORT_RECIPIENTS",
    "OPERATOR_RECIPIENTS",
    "REPORT_MODE",
    "REPORT_CAP",
    "DASHBOARD_URL",
)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MAIL:
        monkeypatch.delenv(f"TQS_{name}", raising=False)


def test_settings_of_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = load_settings()
    assert (plain.smtp_server, plain.report_recipients, plain.report_mode, plain.report_cap) == (None, (), "each", 30)
    assert plain.page_url == "http://127.0.0.1:5006"
    monkeypatch.setenv("TQS_SMTP_URL", "smtps://u:hunter2@mail.example.com")
    monkeypatch.setenv("TQS_MAIL_FROM", "Tutor Quality <reports@example.com>")
    monkeypatch.setenv("TQS_REPORT_RECIPIENTS", "a@x.org,b@x.org")
    monkeypatch.setenv("TQS_DASHBOARD_URL", "https://tutors.example.com/quality/")
    settings = load_settings()
    assert settings.smtp_server == SmtpServer("mail.example.com", 465, "tls", "u", "hunter2")
    assert settings.report_recipients == ("a@x.org", "b@x.org")
    assert settings.page_url == "https://tutors.example.com/quality"
    assert "hunter2" not in repr(settings) + repr(settings.smtp_server)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SMTP_URL", "http://u:hunter2@h", "TQS_SMTP_URL: must begin with smtp://"),
        ("SMTP_URL", "smtp://h", "TQS_SMTP_URL needs TQS_MAIL_FROM"),
        ("MAIL_FROM", "nobody", "TQS_MAIL_FROM: 'nobody' is no e-mail address"),
        ("REPORT_RECIPIENTS", "a@x.org; b@x.org", "TQS_REPORT_RECIPIENTS: .* is no e-mail address"),
        ("OPERATOR_RECIPIENTS", "root", "TQS_OPERATOR_RECIPIENTS: 'root' is no e-mail address"),
        ("REPORT_MODE", "weekly", "TQS_REPORT_MODE: .*'each', 'hourly' or 'daily'"),
        ("REPORT_CAP", "0", "TQS_REPORT_CAP"),
        ("DASHBOARD_URL", "javascript:alert(1)", "TQS_DASHBOARD_URL: .* is no address that a page has"),
        ("DASHBOARD_URL", 'https://x.org/"><script>', "is no address that a page has"),
    ],
)
def test_settings_of_mail_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"TQS_{name}", value)
    with pytest.raises(SettingsError, match=said) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)
